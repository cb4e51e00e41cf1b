"""A shop in FastAPI. One `add_middleware` is all that it knows of HogTrace; `probes.hogtrace` says what to watch."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from hogtrace_asgi import HogTraceMiddleware

PRICES = {"acorn": 120, "truffle": 9_900}

app = FastAPI()
app.add_middleware(HogTraceMiddleware, probes=[Path(__file__).parent / "probes.hogtrace"])


class CardRefused(Exception):
    """The bank does not pay."""


def price(item: str, count: int, *, member: bool) -> int:
    """Give the price in cents; members pay nine tenths."""
    total = PRICES[item] * count
    return total * 9 // 10 if member else total


async def charge(card: str, amount: int) -> str:
    """Take the amount from the card, and give a receipt. The bank takes its time."""
    await asyncio.sleep(0.01)
    if card.endswith("0"):
        raise CardRefused(f"the bank refused {amount}")
    return f"receipt-{amount}"


@app.get("/order")
async def order(request: Request, item: str, card: str, count: int = 1) -> JSONResponse:
    """Sell `count` of `item` to whoever asks."""
    amount = price(item, count, member="X-Member" in request.headers)
    return JSONResponse({"receipt": await charge(card, amount)}, 201)


@app.exception_handler(CardRefused)
async def refused(_request: Request, refusal: CardRefused) -> JSONResponse:
    """Say that the bank does not pay."""
    return JSONResponse({"error": str(refusal)}, 402)


@app.get("/catalogue")
async def catalogue() -> StreamingResponse:
    """List what there is, a line at a time."""
    return StreamingResponse(lines(), media_type="text/plain")


async def lines() -> AsyncIterator[str]:
    """Give the lines of the catalogue."""
    for item, cents in PRICES.items():
        await asyncio.sleep(0)
        yield f"{item} {cents}\n"
