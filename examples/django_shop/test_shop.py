"""Tests of the shop, with pytest-django: HogTrace's fixture `hogtrace` looks inside."""


def test_a_refused_card_is_not_charged_twice(hogtrace, client):
    hogtrace.probe("fn:shop.charge:exit { capture(amount, customer=$req.customer, e=exception); }")

    response = client.get("/order", {"item": "truffle", "card": "40001230"}, headers={"X-Customer": "ada"})

    assert response.status_code == 402
    charge = hogtrace.one()
    assert charge.values["amount"] == 9900
    assert charge.values["customer"] == "ada"
    assert charge.values["e"]["$type"] == "shop.CardRefused"
    assert charge.request["path"] == "/order"
