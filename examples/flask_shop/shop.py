"""A shop in Flask. `HogTrace(app)` is all that it knows of HogTrace; `probes.hogtrace` says what to watch."""

from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, jsonify, request

from hogtrace_flask import HogTrace

PRICES = {"acorn": 120, "truffle": 9_900}

app = Flask(__name__)
app.config["HOGTRACE_PROBES"] = [Path(__file__).parent / "probes.hogtrace"]
HogTrace(app)


class CardRefused(Exception):
    """The bank does not pay."""


def price(item: str, count: int, *, member: bool) -> int:
    """Give the price in cents; members pay nine tenths."""
    total = PRICES[item] * count
    return total * 9 // 10 if member else total


def charge(card: str, amount: int) -> str:
    """Take the amount from the card, and give a receipt."""
    if card.endswith("0"):
        raise CardRefused(f"the bank refused {amount}")
    return f"receipt-{amount}"


@app.get("/order")
def order() -> tuple[Response, int]:
    """Sell `count` of `item` to whoever asks."""
    wish = request.args
    amount = price(wish["item"], int(wish.get("count", "1")), member="X-Member" in request.headers)
    return jsonify({"receipt": charge(wish["card"], amount)}), 201


@app.errorhandler(CardRefused)
def refused(refusal: CardRefused) -> tuple[Response, int]:
    """Say that the bank does not pay."""
    return jsonify({"error": str(refusal)}), 402


@app.get("/catalogue")
def catalogue() -> Response:
    """List what there is, a line at a time."""
    return Response(lines(), mimetype="text/plain")


def lines() -> Iterator[str]:
    """Give the lines of the catalogue."""
    for item, cents in PRICES.items():
        yield f"{item} {cents}\n"
