"""Functions of every shape, to be run with a mark at each statement. Each name in `RUNS` is run with each argument."""

# fmt: off

import asyncio
import contextlib


class Tracked:
    def __init__(self, swallow=False):
        self.swallow = swallow

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        return self.swallow

    async def __aenter__(self):
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *raised):
        await asyncio.sleep(0)
        return self.swallow


def branches(n):
    """A docstring is no code."""
    global unused
    x: int
    if n == 0:
        a = 1
    elif n == 1:
        a = 2
    elif n in (
        2,
        3,
    ):
        a = 3
        pass
    else:
        a = 4; a += 1
    if n: a = -a
    return (
        a
        + n
    )


def whiles(n):
    out = []
    while n > 0:
        n -= 1
        if n == 5:
            continue
        if n == 2:
            break
        out.append(n)
    else:
        out.append("else")
    while n: n -= 1
    while (
        n < 3
        and n > -1
    ):
        n += 1
    while n > 0: pass; n -= 1
    return out


def forever(n):
    while True:
        n -= 1
        if n < 0: break
    while True:
        if n > 3: break
        n += 1
    while 1:
        n += bump(n)
        while n % 4:
            n += 1
        while True:
            break
        if n > 20:
            return n


def only_child(n):
    seen = [0]
    while True:
        while seen[-1] < n:
            seen.append(seen[-1] + 1)
            n -= 1
        n += 1
        if n > 6: return seen


def nested_only(n):
    count = 0
    while True:
        try:
            while count < n:
                count += 2
            return count
        finally:
            count += 1


def single(n):
    try:
        while True: n = step(n)
    except StopIteration:
        return n


def single_over_lines(n):
    try:
        while True:
            n = step(
                n
            )
    except StopIteration:
        return n


def step(n):
    if n > 4: raise StopIteration
    return n + 1


def bump(n): return 1


def fors(n):
    total = 0
    for i in range(n):
        for j in range(
            i
        ):
            if j == 3:
                continue
            total += j
        if i == 4:
            break
    else:
        total += 100
    for i in range(n): total += i
    for i in (x for x in range(n)
              if x):
        for j in "ab":
            total += 1
    for i in []: pass
    else: total += 1
    return total


def finals(n):
    out = []
    for i in range(n):
        try:
            out.append(i)
            if i == 1:
                continue
            if i == 3:
                break
            if i == 2:
                raise KeyError(i)
        except KeyError as error:
            out.append(str(error))
        else:
            out.append("else")
        finally:
            out.append("f")
            if i:
                out.append("g")
    try:
        try:
            return out
        finally:
            out.append("first")
    finally:
        out.append("second")


def raising(n):
    try:
        try:
            1 / n
        finally:
            n = n + 1
            n = n * 2
    except (
        ValueError,
        ZeroDivisionError,
    ):
        n = -1
    return n


def failing(n):
    try:
        raise ValueError(
            n
        )
    except ValueError as error:
        try:
            raise KeyError from error
        except KeyError:
            n = 7
            raise
        finally:
            n = 8


def withs(n):
    with Tracked() as a:
        n += 1
    with Tracked(True), \
            Tracked() as b:
        n += 1
        raise ValueError
    for i in range(3):
        with Tracked():
            if i == n % 3:
                continue
            with Tracked():
                if i == 2:
                    return i
            n += 1
    with (
        Tracked() as a,
        Tracked() as b,
    ):
        pass
    with Tracked(): n += 1
    return n


def matches(value):
    match value:
        case 0:
            return "zero"
        case int() if value > 3:
            result = "big"
        case [a, b]:
            result = a
        case {"k": v, **rest}:
            result = v
        case str() | bytes():
            for result in value:
                pass
        case Tracked(swallow=s):
            result = s
        case _:
            result = None
            if value: result = 1
    return result


def expressions(n):
    a = [
        i
        for i in range(n)
        if i % 2
    ]
    b = (n and
         a or
         n)
    c = (
        n
        if n > 2
        else a
    )
    d = {
        **{"k": n},
        "j": [x for x in a if x],
    }
    f = f"""{
        n
    } {a}"""
    if (y := n) > 3: z = y
    assert n < 100, (
        "never"
    )
    del a
    x = y = \
        n
    e, *g = 1, \
        2
    h = 0 < n < \
        5
    d["k"] = d["j"] = \
        h
    call(
        n, call(
            1,
            2), n
    ).bit_length(
    ).bit_length()
    import os, \
        sys
    return [c, b is None, sorted(d), f, e, g, h,
            x]


def call(*values):
    return len(
        values
    )


def definitions(n):
    def plain(x=call(1)):
        return x

    @decorated
    @decorated
    def inner(
        x,
    ):
        nonlocal n
        n += x
        return n

    class Inside:
        attribute = n

        def method(self): return self.attribute

    short = lambda: n
    long = lambda x: (
        x
        + n
    )
    return plain(), inner(2), Inside().method(), short(), long(
        1)


def decorated(function):
    return function


def one_line(n): return n + 1


def several(n): n += 1; n *= 2; return n


def generator(n):
    try:
        for i in range(n):
            got = yield i
            if got: yield got
        yield from range(
            2
        )
    except GeneratorExit:
        n = 0
        raise
    finally:
        n = 1


def generating(n):
    g = generator(n)
    out = [next(g, None)]
    out.append(g.send(5) if n > 1 else None)
    out += list(g) if n > 2 else []
    g.close()
    return out


async def slow(n):
    await asyncio.sleep(0)
    return n


async def pages(n):
    for i in range(n):
        yield await slow(
            i
        )
        await asyncio.sleep(0)


async def coroutine(n):
    total = 0
    async for page in pages(n):
        if page == 2:
            continue
        total += await slow(page)
    else:
        total += 10
    async with Tracked(True) as t, \
            Tracked():
        total += 1
        if n == 1:
            raise ValueError
    while total < 20: total += await slow(7)
    values = [
        v async for v in pages(2)
        if await slow(v)
    ]
    async with Tracked():
        return [await slow(v) for v in values], total


def awaiting(n):
    return asyncio.run(coroutine(n))


def suppressed(n):
    with contextlib.suppress(KeyError):
        {}[n]
        n = 1
    n = 2
    return n


def many(n):
    a = b = c = d = e = f = g = h = n
    while n < 3:
        if n == 1:
            a = [a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h, call(a, b, c), call(d, e, f), call(g, h, a), call(b, c)]
            b = [a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h, call(a, b, c), call(d, e, f), call(g, h, a), call(b, c)]
            c = [a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h, call(a, b, c), call(d, e, f), call(g, h, a), call(b, c)]
            n += 1
            continue
        for i in range(2):
            d = [a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h, call(a, b, c), call(d, e, f), call(g, h, a), call(b, c)]
            e = [a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h, call(a, b, c), call(d, e, f), call(g, h, a), call(b, c)]
            f = [a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h, call(a, b, c), call(d, e, f), call(g, h, a), call(b, c)]
        n += 1
    return n


RUNS = {
    "branches": (0, 1, 2, 9),
    "whiles": (0, 1, 7, 2),
    "forever": (0, 3, 5),
    "only_child": (0, 1, 5),
    "nested_only": (0, 3),
    "single": (0, 9),
    "single_over_lines": (0, 9),
    "fors": (0, 2, 6),
    "finals": (0, 2, 3, 5),
    "failing": (1,),
    "raising": (0, 1),
    "withs": (0, 1, 2),
    "matches": (0, 5, [1, 2], {"k": 1}, "ab", "", Tracked(), None, 2, 1.5),
    "expressions": (0, 1, 3, 4),
    "definitions": (1, 2),
    "one_line": (1,),
    "several": (1,),
    "generating": (0, 1, 2, 3),
    "awaiting": (0, 1, 3),
    "suppressed": (1,),
    "many": (0, 1),
    "starred": (0, 1, 2),
    "conditions": (0, 1, 2, 3, 4),
    "loop_ends": (0, 1, 2, 3),
}


def starred(n):
    try:
        raise ExceptionGroup("g", [[KeyError(1)], [OSError(2)], [KeyError(1), OSError(2)]][n])
    except* KeyError as group:
        n += 10
    except* OSError:
        n += 20
        n += 30
    finally:
        n += 1
    return n


def conditions(n):
    if True:
        n += 1
    if 0:
        n = "never"
    if not n: n = 2
    if n == 1 and (
        n or call(n)
    ) or n == 3:
        if n > 2:
            pass
        else:
            n += 1
    else:
        if n > 3:
            return
        elif n == 2: return n
    ...
    1
    n
    return n if n > 1 else \
        -n


def loop_ends(n):
    for i in range(n):
        if i:
            if n == 2:
                call(i)
            elif n == 3:
                if i == 1:
                    call(1)
        else:
            try:
                call(0)
            except ValueError:
                call(1)
    while n:
        n -= 1
        if n:
            with Tracked():
                if n == 1:
                    call(n)
