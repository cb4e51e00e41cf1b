"""Copies of objects of well-known libraries: what they store, with nothing of theirs run."""

from typing import Any

import attrs
import pydantic
from django.db import models
from django.http import QueryDict
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from tests.hogtrace.evaluation import evaluate

HERE = __name__


def copied(value: object) -> Any:
    """Give the copy that a capture takes of `value`."""
    return evaluate("v", v=value).value


def forbidden(*_: object) -> Any:
    """Fail: this is code of the application."""
    raise AssertionError("code of the application ran")


@attrs.define(repr=False)
class Slotted:
    """An attrs class with slots."""

    number: int
    _private: str = "p"
    __repr__ = forbidden


@attrs.define(slots=False)
class Plain:
    """An attrs class with a dict."""

    number: int = attrs.field(default=1, validator=None)


class Model(pydantic.BaseModel):
    """A pydantic model with all that reads cost."""

    name: str
    inner: dict[str, int] = {}
    _private: int = pydantic.PrivateAttr(default=3)

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def computed(self) -> Any:
        """Code of the application."""
        return forbidden()

    __repr__ = __str__ = __iter__ = forbidden  # type: ignore[assignment]


def test_attrs() -> None:
    """With slots and without."""
    assert copied(Slotted(7)) == {"$type": f"{HERE}.Slotted", "number": 7, "_private": "p"}
    assert copied(Plain()) == {"$type": f"{HERE}.Plain", "number": 1}


def test_pydantic() -> None:
    """The fields of a model."""
    assert copied(Model(name="x", inner={"a": 1})) == {"$type": f"{HERE}.Model", "name": "x", "inner": {"a": 1}}


class Customer(models.Model):
    """A model of no installed application: there is no table of it."""

    name: Any = models.CharField(max_length=50)

    class Meta:
        """It wants a name of an application."""

        app_label = "shop"

    __repr__ = __str__ = forbidden  # type: ignore[assignment]


class TestDjango:
    """Models, query sets and what is lazy."""

    def test_a_model(self) -> None:
        """Its columns and its state."""
        copy = copied(Customer(id=5, name="ann"))
        assert copy["$type"] == f"{HERE}.Customer"
        assert (copy["id"], copy["name"]) == (5, "ann")
        assert copy["_state"] == {"$type": "django.db.models.base.ModelState"}

    def test_a_query_set_is_not_evaluated(self) -> None:
        """There is no database here: any query would fail the test."""
        query: Any = Customer.objects.filter(name="ann")
        copy = copied(query)
        assert copy["$type"] == "django.db.models.query.QuerySet"
        assert copy["model"] == {"$type": "django.db.models.base.ModelBase", "$value": f"{HERE}.Customer"}
        assert copy["_result_cache"] is None
        assert query._result_cache is None

    def test_an_evaluated_one_shows_its_rows(self) -> None:
        """They are what it stores."""
        query: Any = Customer.objects.all()
        query._result_cache = [Customer(id=5)]
        (row,) = copied(query)["_result_cache"]
        assert row["id"] == 5

    def test_query_dicts(self) -> None:
        """The parameters of a request are a dict."""
        assert copied(QueryDict("a=1&a=2&b=3")) == {"a": ["1", "2"], "b": ["3"]}

    def test_lazy_objects_stay_lazy(self) -> None:
        """What was not asked for is not made."""
        assert copied(SimpleLazyObject(forbidden))["$type"] == "django.utils.functional.SimpleLazyObject"
        assert "_setupfunc" in copied(SimpleLazyObject(forbidden))
        made = SimpleLazyObject(lambda: Plain(5))
        assert made.number == 5
        assert copied(made)["_wrapped"] == {"$type": f"{HERE}.Plain", "number": 5}
        assert copied(gettext_lazy("word"))["$type"].startswith("django.utils.functional.lazy")
        assert copied(mark_safe("<b>")) == "<b>"
