"""A shop in Django. It knows nothing of HogTrace; `settings.py` adds it, `probes.hogtrace` says what to watch."""

import os
from collections.abc import Iterator

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.urls import path

PRICES = {"acorn": 120, "truffle": 9_900}


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


def order(request: HttpRequest) -> JsonResponse:
    """Sell `count` of `item` to whoever asks."""
    wish = request.GET
    try:
        amount = price(wish["item"], int(wish.get("count", "1")), member="X-Member" in request.headers)
        return JsonResponse({"receipt": charge(wish["card"], amount)}, status=201)
    except CardRefused as refusal:
        return JsonResponse({"error": str(refusal)}, status=402)


def catalogue(_request: HttpRequest) -> HttpResponseBase:
    """List what there is, a line at a time."""
    return StreamingHttpResponse(lines(), content_type="text/plain")


def lines() -> Iterator[str]:
    """Give the lines of the catalogue."""
    for item, cents in PRICES.items():
        yield f"{item} {cents}\n"


urlpatterns = [path("order", order), path("catalogue", catalogue)]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
application = get_wsgi_application()
