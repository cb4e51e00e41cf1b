"""Views of Django REST framework, a class and a function, and their URLs."""

from typing import Any

from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Orders(APIView):
    """Takes orders."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (JSONParser,)

    def post(self, request: Request, shop: str) -> Response:
        """Take one."""
        return Response({"shop": shop, "item": request.data["item"]}, status=201)


@api_view(["GET"])
def total(request: Any) -> Response:
    """Give a sum."""
    return Response({"total": int(request.query_params["n"]) * 2})


urlpatterns = [path("orders/<str:shop>", Orders.as_view()), path("total", total)]
