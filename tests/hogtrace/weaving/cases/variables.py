"""Variables: locals, cells, closures, deletion, and the views that Python gives of them."""

# the point

import sys

from tests.hogtrace.weaving.cases import case, outcome

some_global = "module"


@case
def locals_as_a_dict() -> object:
    """locals() holds what it would, in its order."""

    def f(a, b=2, *args, c=3, **kwargs):
        first = dict(locals())
        d = 4
        for e in range(2):
            pass
        del b
        return first, locals()

    return f(1, 2, 3, x=4)


@case
def locals_with_cells() -> object:
    """locals() of functions with cells and closure variables."""

    def f(a, b):
        c = 3

        def g(d):
            nonlocal c
            c += a
            return locals()

        return g(1), sorted(k for k in locals())

    return f(1, 2)


@case
def locals_in_comprehensions() -> object:
    """locals() and names inside comprehensions."""

    def f(x):
        inside = [sorted(locals()) for y in [1]]
        return inside, sorted(locals()), [x for x in range(3)], x

    return [name for names in f(1)[0] for name in names if name != ".0"], f(2)[1:]


@case
def frame_locals() -> object:
    """f_locals of a running frame, read from inside and from a callee."""

    def f(a):
        b = [a]
        view = plain(sys._getframe().f_locals)
        return view, look()

    def look():
        frame = sys._getframe(1)
        return plain(frame.f_locals), frame.f_lineno, frame.f_code.co_varnames

    def plain(space):
        return {name: value for name, value in space.items() if not callable(value)}

    return f(1)


@case
def evaluated_text() -> object:
    """Eval and exec in a function's scope."""

    def f(a):
        b = 2
        exec("c = a + b")
        space = {}
        exec("d = a * b", {"a": a, "b": b}, space)
        return eval("a + b"), space, outcome(eval, "c")[0], [eval("a", {"a": x}) for x in (1, 2)]

    return f(1)


@case
def unbound_locals() -> object:
    """Reads of locals before they are bound and after they are deleted."""

    def before():
        x
        x = 1

    def after(x):
        del x
        return x

    def conditional(n):
        if n:
            y = n
        return y

    def loop(n):
        for z in range(n):
            pass
        return z

    def deleted_twice():
        x = 1
        del x
        del x

    def in_handler(n):
        try:
            if n:
                raise ValueError
            w = 1
        except ValueError:
            pass
        return w

    return (
        outcome(before),
        outcome(after, 1),
        conditional(1),
        outcome(conditional, 0),
        loop(2),
        outcome(loop, 0),
        outcome(deleted_twice),
        in_handler(0),
        outcome(in_handler, 1),
    )


@case
def unbound_cells() -> object:
    """Reads of cells that are empty, before and after."""

    def make(n):
        def get():
            return x

        if n == 0:
            early = outcome(get)
            x = 1
            return early
        x = 2
        if n == 1:
            del x
            return outcome(get)

        def delete():
            nonlocal x
            del x

        delete()
        return outcome(get), outcome(delete), outcome(lambda: x)

    def parameter(x):
        def delete():
            nonlocal x
            del x

        delete()
        return outcome(lambda: x)

    def returned_after(x):
        def delete():
            nonlocal x
            del x

        delete()
        return "fine"

    return make(0), make(1), make(2), parameter(1), returned_after(1)


@case
def rebinding_parameters() -> object:
    """Parameters that the body binds anew, deletes and restores."""

    def f(a, b, *c, d, **e):
        a = (a, "new")
        del b
        b = "again"
        c += (9,)
        d = e = None
        return a, b, c, d, e

    def g(a):
        def set_it():
            nonlocal a
            a += 1

        set_it()
        set_it()
        return a

    return f(1, 2, 3, d=4, x=5), g(1)


@case
def closures_over_everything() -> object:
    """Cells of parameters, locals, loop variables, over three levels."""

    def outer(a, *args, k=0, **kwargs):
        x = a

        def middle(b):
            y = b

            def inner(c):
                nonlocal x
                x += 1
                return a, x, y, b, c, args, k, kwargs

            return inner

        return middle(2), lambda: x

    inner, get = outer(1, 5, k=6, z=7)
    return inner(3), inner(4), get()


@case
def class_bodies_in_functions() -> object:
    """Classes that read and shadow a function's variables."""

    def f(x, y):
        class A:
            x = x if False else "class"
            z = y

            def m(self):
                return x, y

            w = [y for _ in "a"]

        return A.x, A.z, A().m(), A.w

    def g(n):
        class B:
            n = n + 1 if False else 5
            values = [m for m in range(3)]

        return B.n, B.values

    return outcome(f, 1, 2), outcome(g, 1)


@case
def global_and_nonlocal() -> object:
    """Stores to globals from functions."""

    def f():
        global some_global
        some_global = "changed"
        return some_global

    def g():
        return some_global

    before = g()
    after = f(), g()
    globals()["some_global"] = "module"
    return before, after, g()


@case
def inlined_comprehensions() -> object:
    """Comprehension variables that share names with parameters, locals and cells."""

    def f(x, y):
        a = [x for x in range(3)]
        b = [lambda: x for x in range(2)]
        c = {x: y for x in a for y in a}
        d = [y for y in [x]]
        e = [[x for x in range(y)] for y in range(3)]
        return a, [g() for g in b], c, d, e, x, y

    def g(x):
        def get():
            return x

        values = [x for x in range(3)]
        return values, get(), x

    def h():
        values = [x for x in range(3)]
        return outcome(lambda: x)

    def failing(x):
        try:
            [1 // x for x in (1, 0)]
        except ZeroDivisionError:
            return x

    def unbound_outside(n):
        if n:
            x = n
        values = [x for x in range(3)]
        return x

    return f(10, 20), g(5), outcome(h), failing("kept"), unbound_outside(3), outcome(unbound_outside, 0)


@case
def star_targets_and_patterns() -> object:
    """Names bound by unpacking, with, for, except, import, match and walrus."""

    def f(data):
        first, *rest = data
        (a, b), c = (rest[0], rest[1]), rest[-1]
        import os.path as path
        from os import sep

        for i, (j, k) in enumerate([(1, 2)]):
            pass
        if (w := i + j) > 0:
            x = w
        match data:
            case [p, q, *r]:
                pass
        names = sorted(locals())
        return first, rest, a, b, c, i, j, k, w, x, p, q, r, names, path.__name__, sep

    return f([1, 2, 3, 4])


@case
def many_locals() -> object:
    """More locals than fit into one byte, read at the end."""
    source = (
        "def f(a):\n" + "".join(f"    v{n} = a + {n}\n" for n in range(300)) + "    return v0 + v299, len(locals())\n"
    )
    space = {}
    exec(source, space)
    return space["f"](1)


@case
def deleted_in_finally() -> object:
    """Locals that are gone when the function ends, by return and by exception."""

    def f(x, fail):
        y = x
        try:
            if fail:
                raise ValueError(x)
            return x
        finally:
            del x, y

    return outcome(f, 1, False), outcome(f, 1, True)
