"""What applications are made of: views, endpoints, tasks; reached as their frameworks reach them."""

import asyncio
from typing import Any

import httpx
from celery import Celery, Task
from celery.exceptions import Retry
from django.http import HttpResponse, JsonResponse
from django.test import RequestFactory
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property, keep_lazy, lazy
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET
from fastapi import Depends, FastAPI
from flask import Flask
from flask.views import MethodView
from rest_framework import serializers
from rest_framework.decorators import (
    action,
    api_view,
    authentication_classes,
    permission_classes,
    renderer_classes,
)
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet
from tests.hogtrace.callables import Call, Rows, row

requests = RequestFactory()
# The default would need a database.
api_settings.UNAUTHENTICATED_USER = None


def home(request):
    return HttpResponse("home")


@require_GET
@never_cache
@csrf_exempt
def decorated(request, number):
    return HttpResponse(str(number))


class Item(View):
    def get(self, request, number):
        return JsonResponse({"number": number})

    @method_decorator(never_cache)
    def dispatch(self, request, *args, **kwargs):
        return super().dispatch(request, *args, **kwargs)

    @cached_property
    def heavy(self):
        return 1


class Later(View):
    async def get(self, request):
        await asyncio.sleep(0)
        return HttpResponse("later")


def translated(text):
    return text.upper()


lazy_text = lazy(translated, str)


@keep_lazy(str)
def kept(text):
    return text


flask_app = Flask(__name__)


@flask_app.route("/hello/<name>")
def hello(name):
    return f"hello {name}"


@flask_app.before_request
def before():
    return None


@flask_app.errorhandler(404)
def missing(error):
    return "missing", 404


class Orders(MethodView):
    init_every_request = False

    def get(self, number):
        return {"number": number}


flask_app.add_url_rule("/orders/<int:number>", view_func=Orders.as_view("orders"))


class Number(serializers.Serializer):
    number = serializers.IntegerField()

    def validate_number(self, value):
        return value + 1


class Numbers(APIView):
    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (JSONRenderer,)

    def get(self, request, number):
        serializer = Number(data={"number": number})
        serializer.is_valid(raise_exception=True)
        return Response(serializer.validated_data)


class NumberSet(ViewSet):
    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (JSONRenderer,)

    @action(detail=False)
    def largest(self, request):
        return Response({"largest": 9})


@api_view(["GET"])
@authentication_classes(())
@permission_classes(())
@renderer_classes([JSONRenderer])
def numbered(request, number):
    return Response({"number": number})


celery_app = Celery("tests", broker="memory://", backend="cache+memory://", set_as_current=False)
celery_app.conf.task_always_eager = True
celery_app.conf.task_eager_propagates = True


@celery_app.task
def add(a, b):
    return a + b


@celery_app.task
def multiply(a, b):
    return a * b


@celery_app.task(bind=True, name="tasks.other_name", max_retries=1)
def bound_task(self, a):
    if self.request.retries == 0:
        raise self.retry(countdown=0)
    return a


@celery_app.task(base=Task, typing=False)
@keep_lazy(str)
def decorated_task(text):
    return text


class ClassTask(Task):
    name = "tests.class_task"

    def run(self, a):
        return a


class_task = celery_app.register_task(ClassTask())
fast_app = FastAPI()


def depended(q: int = 1):
    return q + 1


@fast_app.get("/sync/{number}")
def sync_endpoint(number: int, q: int = Depends(depended)):
    return {"number": number + q}


@fast_app.get("/async/{number}")
async def async_endpoint(number: int):
    await asyncio.sleep(0)
    return {"number": number}


@fast_app.middleware("http")
async def middle(request, call_next):
    return await call_next(request)


def _django(view: Any, *args: Any) -> object:
    return view(requests.get("/"), *args).content.decode()


def _flask(path: str) -> object:
    response = flask_app.test_client().get(path)
    return response.status_code, response.get_data(as_text=True)


def _fast(path: str) -> object:
    async def get() -> object:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(fast_app), base_url="http://app") as client:
            return (await client.get(path)).json()

    return asyncio.run(get())


def _rest(view: Any, *args: Any) -> object:
    return view(requests.get("/"), *args).render().content.decode()


def _item() -> object:
    item = Item()
    return item.heavy, item.heavy


item_view = Item.as_view()
later_view = Later.as_view()


def _later() -> object:
    return asyncio.run(later_view(requests.get("/"))).content.decode()


def _retried() -> object:
    try:
        return bound_task.apply(args=(1,)).get()
    except Retry as retry:
        return str(retry)


ROWS: Rows = [
    row("home", lambda: _django(home), Call(("<WSGIRequest>",), "<HttpResponse>")),
    row("decorated", lambda: _django(decorated, 1), Call(("<WSGIRequest>", 1), "<HttpResponse>")),
    row("Item.get", lambda: _django(item_view, 1), Call(("<Item>", "<WSGIRequest>", 1), "<JsonResponse>")),
    row("Item.dispatch", lambda: _django(item_view, 1), Call(("<Item>", "<WSGIRequest>", 1), "<JsonResponse>")),
    # Django hands what the decorator of `dispatch` has left on to the view: its `__wrapped__`, too.
    row("item_view", lambda: _django(item_view, 1), Call(("<Item>", "<WSGIRequest>", 1), "<JsonResponse>")),
    row("later_view", _later, Call(("<WSGIRequest>",), "<get>")),
    row("Item.heavy", _item, Call(("<Item>",), 1)),
    row("Later.get", _later, Call(("<Later>", "<WSGIRequest>"), "<HttpResponse>")),
    row("translated", lambda: str(lazy_text("a")), Call(("a",), "A")),
    row("kept", lambda: kept("a"), Call(("a",), "a")),
    row("Number.validate_number", lambda: _rest(Numbers.as_view(), 3), Call(("<Number>", 3), 4)),
    row("Numbers.get", lambda: _rest(Numbers.as_view(), 3), Call(("<Numbers>", "<Request>", 3), "<Response>")),
    row(
        "NumberSet.largest",
        lambda: _rest(NumberSet.as_view({"get": "largest"})),
        Call(("<NumberSet>", "<Request>"), "<Response>"),
    ),
    row("numbered", lambda: _rest(numbered, 3), Call(("<Request>", 3), "<Response>")),
    row("add", lambda: add(1, 2), Call((1, 2), 3)),
    row("multiply", lambda: multiply.delay(3, b=4).get(), Call((3, 4), 12)),
    row("bound_task", _retried, Call(("<bound_task>", 1), error="Retry")),
    row("decorated_task", lambda: decorated_task.delay("a").get(), Call(("a",), "a")),
    row("ClassTask.run", lambda: class_task.delay(1).get(), Call(("<ClassTask>", 1), 1)),
    row("hello", lambda: _flask("/hello/ada"), Call(("ada",), "hello ada")),
    row("before", lambda: _flask("/hello/ada"), Call()),
    row("missing", lambda: _flask("/nowhere"), Call(("<NotFound>",), ("missing", 404))),
    row("Orders.get", lambda: _flask("/orders/3"), Call(("<Orders>", 3), {"number": 3})),
    row("depended", lambda: _fast("/sync/3"), Call((1,), 2)),
    row("sync_endpoint", lambda: _fast("/sync/3"), Call((3, 2), {"number": 5})),
    row("async_endpoint", lambda: _fast("/async/3"), Call((3,), {"number": 3})),
    row("middle", lambda: _fast("/async/3"), Call(("<_CachedRequest>", "<call_next>"), "<_StreamingResponse>")),
]
