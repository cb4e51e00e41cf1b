"""Probes on what HogTrace, its exporters and the interpreter itself use: no recursion, no deadlock, no crash.

Each case runs in a process of its own, with real exporters, so that a deadlock is seen as a time-out with the stacks of
all threads. Each ends with the accounts: every hit and every event is one of those that are counted.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PREAMBLE = """
import faulthandler, gc, io, json, logging, os, sys, threading, time
faulthandler.dump_traceback_later(150, exit=True)
import hogtrace
from hogtrace import Tracer, request_scope
from hogtrace.exporters import ConsoleExporter, JSONLinesExporter, MemoryExporter, SQLiteExporter

shown = io.StringIO()
# In development mode asyncio tells of every callback that a busy machine makes slow.
logging.getLogger('asyncio').setLevel(logging.ERROR)

class All:
    '''Every exporter that there is, one after the other.'''

    def __init__(self):
        self.memory = MemoryExporter()
        self.inner = [
            self.memory, SQLiteExporter('events.db'), JSONLinesExporter('events.jsonl'), ConsoleExporter(stream=shown)
        ]

    def export(self, events):
        for exporter in self.inner:
            exporter.export(events)

    def close(self):
        for exporter in self.inner:
            exporter.close()

    @property
    def events(self):
        return self.memory.events

exporter = All()
roomy = {"queue_events": 200_000, "queue_bytes": 1 << 28, "export_timeout": 3600}
tracer = Tracer(exporter=exporter, max_overhead=None, wildcard_limit=None, batch_delay=0.01, **roomy)

LEAVE = 'args, retval, exception, $call.a, $req.a, duration'

def probe(*targets, sample='', enter='args, kwargs, locals', leave=LEAVE):
    '''Put probes that capture something at both ends of each target.'''
    sample = sample and f'sample {sample};'
    for target in targets:
        tracer.install(hogtrace.compile(
            f'fn:{target}:entry {{ {sample} $req.a = args; $call.a = 1; capture({enter}); }}'
            f'fn:{target}:exit {{ {sample} capture({leave}); }}'
        ))
    states = [(one.target, one.state, one.reason) for one in tracer.status().probes]
    assert all(state == 'installed' for _, state, _ in states), states

def seen():
    '''Give the names of the functions that were seen, exported to everywhere.'''
    assert tracer.flush(60)
    return {event.function for event in exporter.events}

def end():
    '''Check the accounts, and that all exporters got everything.'''
    time.sleep(0.05)
    status = tracer.status()
    for one in status.probes:
        assert one.hits == one.fired + one.not_passed + one.failed + one.skipped + one.sampled_out, one
        assert one.state == 'installed', one
    tracer.uninstall()
    assert tracer.flush(60)
    last = tracer.status()
    tracer.stop(60)
    assert set(last.dropped) <= {'queue_full'}, last.dropped
    assert last.captured == last.exported + sum(last.dropped.values()), last
    with open('events.jsonl') as file: lines = file.read().count('\\n')
    import sqlite3
    connection = sqlite3.connect('events.db')
    rows = connection.execute('select count(*) from events').fetchone()[0]
    connection.close()
    assert len(exporter.events) == lines == rows == last.exported > 0, (lines, rows, last.exported)
    print('well', sum(one.hits for one in status.probes) > 0, sum(one.skipped for one in status.probes) > 0)
"""

CASES = {
    "json": """
        probe('json.**', 'json.encoder._make_iterencode.<locals>.*')
        for _ in range(3):
            assert json.loads(json.dumps({'a': [1, {'b': None}]})) == {'a': [1, {'b': None}]}
            # From 3.13 on what is not asked for in parts is encoded in C.
            assert ''.join(json.JSONEncoder().iterencode({'a': [1]})) == '{"a": [1]}'
            assert tracer.flush(60)
        assert {'json.dumps', 'json.loads', 'json.decoder.JSONDecoder.decode'} <= seen()
        assert 'json.encoder._make_iterencode.<locals>._iterencode_dict' in seen()
        end()
    """,
    "threading": """
        probe('threading.**', '_weakrefset.**')
        from concurrent.futures import ThreadPoolExecutor
        done = threading.Event()
        def work():
            with condition:
                condition.notify_all()
            done.set()
        for _ in range(5):
            condition = threading.Condition()
            thread = threading.Thread(target=work)
            with condition:
                thread.start()
                condition.wait(60)
            assert done.wait(60)
            thread.join()
            barrier = threading.Barrier(2)
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda _: barrier.wait(60), range(2)))
            timer = threading.Timer(0.001, done.set)
            timer.start()
            timer.join()
            local = threading.local()
            local.x = 1
            assert tracer.flush(60)
        with threading.Semaphore(), threading.RLock():
            assert threading.current_thread() is threading.main_thread()
        assert threading.enumerate()
        assert {'threading.Thread.start', 'threading.Thread.run', 'threading.Thread._bootstrap',
                'threading.Condition.wait', 'threading.Event.set'} <= seen()
        end()
    """,
    "logging": """
        probe('logging.**')
        stream = io.StringIO()
        logging.basicConfig(stream=stream, level=logging.DEBUG)
        logger = logging.getLogger('app')
        for number in range(5):
            logger.info('number %d', number)
            try:
                raise KeyError(number)
            except KeyError:
                logger.exception('failed')
        # HogTrace logs itself, from its thread and from this one, through the same functions.
        class Failing:
            fork_timeout = 0.0
            def export(self, events):
                raise OSError('broken')
            def close(self):
                raise OSError('broken')
        def f(): pass
        with Tracer(exporter=Failing(), max_overhead=None, batch_delay=0.01) as other:
            other.install(hogtrace.compile('fn:__main__.f:entry { capture(1); }'))
            f()
            assert other.flush(60)
            assert other.status().dropped == {'exporter_failed': 1}
        assert [stream.getvalue().count(f'number {number}') for number in range(5)] == [1] * 5
        assert stream.getvalue().count('Failing') == 2, stream.getvalue()
        assert {'logging.Logger.info', 'logging.Logger.handle', 'logging.StreamHandler.emit',
                'logging.Formatter.format', 'logging.LogRecord.__init__'} <= seen()
        end()
    """,
    "queues": """
        import queue, asyncio, concurrent.futures
        probe('queue.**', 'concurrent.futures.**', 'collections.**', 'heapq.**')
        for make in (queue.Queue, queue.LifoQueue, queue.PriorityQueue):
            waiting = make(2)
            thread = threading.Thread(target=lambda: [waiting.put(number) for number in range(20)])
            thread.start()
            assert sorted(waiting.get(timeout=60) for _ in range(20)) == [*range(20)]
            thread.join()
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            assert sum(pool.map(abs, range(50))) == 1225
        assert {'queue.Queue.put', 'queue.Queue.get', 'concurrent.futures.thread._worker'} <= seen()
        end()
    """,
    "context variables": """
        import asyncio, contextvars
        variable = contextvars.ContextVar('variable')
        probe('asyncio.**', 'contextlib.**', 'selectors.**', 'hogtrace.request_store.**')
        async def handle(number):
            with request_scope(request_id=str(number)) as scope:
                variable.set(number)
                await asyncio.sleep(0.001)
                await asyncio.to_thread(lambda: variable.get())
                return variable.get()
        async def main():
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                tasks = [group.create_task(handle(number)) for number in range(6)]
            assert [task.result() for task in tasks] == [*range(6)]
            lock = asyncio.Lock()
            async with lock:
                pass
            process = await asyncio.create_subprocess_exec(sys.executable, '-c', 'print(1)', stdout=-1)
            assert (await process.communicate())[0] == b'1\\n'
        asyncio.run(main())
        assert {'asyncio.base_events.BaseEventLoop._run_once', 'asyncio.runners.run'} <= seen()
        end()
    """,
    "sqlite3": """
        import sqlite3, datetime, warnings
        warnings.simplefilter('ignore', DeprecationWarning)
        probe('sqlite3.**', 'hogtrace.exporters.sqlite.**')
        def trace(statement): pass
        def function(value): return value + 1
        def progress(): return 0
        probe('__main__.trace', '__main__.function', '__main__.progress')
        connection = sqlite3.connect(':memory:', detect_types=sqlite3.PARSE_DECLTYPES)
        connection.set_trace_callback(trace)
        connection.set_progress_handler(progress, 10)
        connection.create_function('f', 1, function)
        connection.execute('create table t (d timestamp)')
        now = datetime.datetime(2026, 1, 1)
        connection.execute('insert into t values (?)', (now,))
        assert connection.execute('select d, f(1) from t').fetchall() == [(now, 2)]
        connection.close()
        assert {'__main__.trace', '__main__.function', '__main__.progress'} <= seen()
        assert tracer.flush(60)
        end()
    """,
    "the import system": """
        import importlib, pathlib
        probe('importlib._bootstrap.**', 'importlib._bootstrap_external.**', 'importlib.**')
        tracer.install(hogtrace.compile('fn:imported_later.f:entry { capture(1); }'))
        # Each imports the next. In a circle CPython may refuse one of several threads: it looks for the module, and
        # when it comes to wait for its lock, the others may wait for this thread already.
        for number in range(20):
            pathlib.Path(f'fresh_{number}.py').write_text(f'import fresh_{number + 1}, time\\nx = 1\\n')
        pathlib.Path('fresh_20.py').write_text('')
        pathlib.Path('imported_later.py').write_text('def f(): return 1\\n')
        sys.path.insert(0, '.')
        def load(number):
            module = importlib.import_module(f'fresh_{number}')
            assert importlib.reload(module).x == 1
        threads = [threading.Thread(target=load, args=(number,)) for number in range(20)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        from xml.etree import ElementTree
        import imported_later
        assert imported_later.f() == 1
        try:
            import nowhere_at_all
        except ModuleNotFoundError:
            pass
        functions = seen()
        assert any(name.endswith('._find_and_load') for name in functions), functions
        assert any(name.endswith('._handle_fromlist') for name in functions)
        assert 'imported_later.f' in functions
        end()
    """,
    "weak references and finalisers": """
        import weakref
        log = []
        class Node:
            def __init__(self, name):
                self.name = name
                self.me = self
            def __del__(self):
                log.append(self.name)
                touch(self.name)
        class Plain:
            pass
        def touch(value): return value
        def callback(reference): touch('callback')
        probe('weakref.**', '_weakrefset.**', '__main__.Node.*', '__main__.touch', '__main__.callback')
        gc.set_threshold(100, 2, 2)
        references = []
        for number in range(50):
            node = Node(number)
            plain = Plain()
            weakref.finalize(plain, touch, 'finalized')
            references.append(weakref.ref(plain, callback))
            held = weakref.WeakSet([node])
            values = weakref.WeakValueDictionary(a=node)
            keys = weakref.WeakKeyDictionary({node: 1})
            with request_scope():
                touch([node] * 50)
        del node, plain
        gc.collect()
        assert sorted(log) == [*range(50)]
        functions = seen()
        assert {'__main__.Node.__del__', '__main__.touch', '__main__.callback'} <= functions
        assert 'weakref.finalize.__call__' in functions
        end()
    """,
    "signal handlers": """
        import signal
        calls = []
        depth = 0
        def handler(number, frame):
            global depth
            calls.append(number)
            depth += 1
            # It may come in the midst of itself, though not without an end where it takes longer than the timer.
            if depth < 5:
                signal.setitimer(signal.ITIMER_REAL, 0.0005)
            work('in the handler')
            depth -= 1
        def work(value): return [value]
        probe('__main__.handler', '__main__.work', 'signal.**')
        signal.signal(signal.SIGALRM, handler)
        end_at = time.monotonic() + 1.5
        while time.monotonic() < end_at or len(calls) <= 20:
            if not signal.getitimer(signal.ITIMER_REAL)[0]:
                signal.setitimer(signal.ITIMER_REAL, 0.001)
            assert work(2 ** 2000) == [2 ** 2000]
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        assert {'__main__.handler', '__main__.work'} <= seen()
        hits = [one.hits for one in tracer.status().probes if one.target == '__main__.handler']
        assert hits == [len(calls)] * 2, (hits, len(calls))
        end()
    """,
    "an audit hook": """
        heard = {}
        def hook(event, args):
            heard[event] = heard.get(event, 0) + 1
            note(event)
        def note(event): return event
        sys.addaudithook(hook)
        probe('__main__.hook', '__main__.note')
        open(os.devnull).close()
        compile('1', 'x', 'eval')
        probe('__main__.hook')
        tracer.rebind()
        functions = seen()
        assert {'__main__.hook', '__main__.note'} <= functions
        assert heard.get('code.__new__', 0) > 0 and heard['open'] > 0, heard
        end()
    """,
    "an audit hook that refuses": """
        def hook(event, args):
            if refusing and event.startswith(refusing):
                raise PermissionError(event)
        refusing = ''
        sys.addaudithook(hook)
        def work(value): return value
        original = work.__code__
        probe('__main__.hook')
        for refusing in ('code.__new__', 'object.__setattr__', '_thread.start_new_thread', 'gc.'):
            try:
                installed = tracer.install(hogtrace.compile('fn:__main__.work:exit { capture(value); }'))
            except PermissionError:
                installed = None
            assert work(1) == 1
            kept, refusing = refusing, ''
            if installed is None:
                assert work.__code__ is original, kept
            tracer.uninstall(installed) if installed else None
        assert work.__code__ is original
        probe('__main__.work')
        work(1)
        assert '__main__.work' in seen()
        end()
    """,
    "trace and profile functions": """
        counts = {'trace': 0, 'profile': 0}
        def trace(frame, event, argument):
            counts['trace'] += 1
            return trace
        def profile(frame, event, argument):
            counts['profile'] += 1
        def work(n): return n if n < 2 else work(n - 1) + work(n - 2)
        probe('__main__.trace', '__main__.profile', '__main__.work')
        for begin, function in ((sys.settrace, trace), (sys.setprofile, profile)):
            begin(function)
            assert work(8) == 21
            begin(None)
            threads = [threading.Thread(target=work, args=(8,)) for _ in range(3)]
            (threading.settrace if begin is sys.settrace else threading.setprofile)(function)
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            (threading.settrace if begin is sys.settrace else threading.setprofile)(None)
        sys.settrace(trace)
        extra = tracer.install(hogtrace.compile('fn:__main__.work:exit { capture(locals); }'))
        work(3)
        tracer.uninstall(extra)
        sys.settrace(None)
        assert {'__main__.trace', '__main__.profile', '__main__.work'} <= seen()
        assert min(counts.values()) > 100
        end()
    """,
    "callbacks of the collector": """
        phases = []
        def callback(phase, info):
            phases.append(phase)
            work(info)
        def work(value): return [value]
        gc.callbacks.append(callback)
        probe('__main__.callback', '__main__.work')
        gc.set_threshold(5, 2, 2)
        for number in range(300):
            cycle = [number]
            cycle.append(cycle)
            work(cycle)
        gc.collect()
        gc.callbacks.clear()
        # How often it collects by itself is each version's affair.
        assert len(phases) > 2
        assert {'__main__.callback', '__main__.work'} <= seen()
        end()
    """,
    "hooks for exceptions": """
        caught = []
        def thread_hook(info): caught.append(info.exc_type)
        def unraisable_hook(info): caught.append(info.exc_type)
        def excepthook(kind, value, traceback): caught.append(kind)
        def fail(): raise KeyError('fail')
        class Bad:
            def __del__(self): fail()
        threading.excepthook, sys.unraisablehook, sys.excepthook = thread_hook, unraisable_hook, excepthook
        probe('__main__.thread_hook', '__main__.unraisable_hook', '__main__.excepthook', '__main__.fail',
              '__main__.Bad.*', 'threading.Thread.*', 'traceback.**')
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        Bad()
        import traceback
        try:
            fail()
        except KeyError:
            sys.excepthook(*sys.exc_info())
            text = traceback.format_exc()
        assert caught == [KeyError] * 3, caught
        assert 'hogtrace' not in text and text.endswith("KeyError: 'fail'\\n")
        assert {'__main__.thread_hook', '__main__.unraisable_hook', '__main__.excepthook'} <= seen()
        end()
    """,
    "warnings": """
        import warnings
        probe('warnings.**')
        told = []
        def show(*args, **kwargs): told.append(args[0])
        warnings.showwarning = show
        probe('__main__.show')
        warnings.simplefilter('always')
        warnings.warn('one', stacklevel=1)
        warnings.warn_explicit('two', UserWarning, 'file', 1)
        with warnings.catch_warnings(record=True) as record:
            warnings.warn('three', stacklevel=1)
        assert [str(one) for one in told] == ['one', 'two'], told
        assert len(record) == 1
        assert '__main__.show' in seen()
        end()
    """,
    "codecs": """
        import codecs, encodings
        import encodings.utf_8, encodings.utf_8_sig, encodings.idna
        probe('codecs.**', 'encodings.**', 'encodings.utf_8_sig.**')
        def search(name):
            return codecs.lookup('utf-8') if name == 'hog' else None
        def handle(error): return ('?', error.end)
        codecs.register(search)
        codecs.register_error('hog', handle)
        probe('__main__.search', '__main__.handle')
        assert 'a'.encode('hog') == b'a'
        assert 'h\\udc80'.encode('ascii', 'hog') == b'h?'
        with open('text', 'w', encoding='utf-8-sig') as file:
            file.write('text' * 1000)
        with open('text', encoding='utf-8-sig') as file:
            assert file.read() == 'text' * 1000
        with codecs.getreader('utf-8')(open('text', 'rb')) as file:
            assert len(file.read()) == 4001
        assert 'é.de'.encode('idna') == b'xn--9ca.de'
        assert {'__main__.search', '__main__.handle', 'encodings.utf_8_sig.IncrementalDecoder._buffer_decode'} <= seen()
        end()
    """,
    "forks": """
        import warnings
        # From 3.12 on, if the four exporters take longer than a fork waits for them.
        warnings.filterwarnings('ignore', message='.*multi-threaded', category=DeprecationWarning)
        def before(): work('before')
        def after(): work('after')
        def work(value): return value
        os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)
        probe('__main__.before', '__main__.after', '__main__.work', 'hogtrace._state.*', 'hogtrace.pipeline.**')
        for number in range(10):
            work(number)
            child = os.fork()
            if not child:
                work('child')
                status = tracer.status()
                os._exit(0 if status.captured == status.queued + status.exported else 1)
            assert os.waitpid(child, 0)[1] == 0
        assert {'__main__.before', '__main__.after', '__main__.work'} <= seen()
        end()
    """,
    "HogTrace itself": """
        import contextlib
        from hogtrace.cli import main
        def work(value): return value
        probe('hogtrace.targets.**', 'hogtrace.weave.**', sample='1%')
        probe(*(f'hogtrace.{name}.**' for name in (
            'tracer', 'pipeline', 'worker', 'delivery', 'sites', 'placing', 'binding', 'exporters', 'imports',
            'display', '_state', 'request_store', 'config', 'sources', 'trust', 'types', 'errors', 'cli')),
            enter='1', leave='duration')
        for number in range(3):
            probe('__main__.work')
            with request_scope(request_id=str(number)) as scope:
                work(number)
            tracer.rebind()
            assert tracer.flush(60)
        assert str(tracer.status())
        hogtrace.format('fn:a.b:entry{}')
        with Tracer(exporter=MemoryExporter(), max_overhead=None, redact=['x']) as other:
            other.install(hogtrace.compile('fn:__main__.work:exit { capture(retval, duration); } fn:later.f:entry { }'))
            work(1)
            assert other.flush(60)
        with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
            sys.argv = ['hogtrace', 'show', 'events.db']
            main()
        functions = seen()
        used = {'hogtrace.tracer.Tracer.status', 'hogtrace.pipeline.Pipeline.flush', 'hogtrace.sites.attach'}
        assert used <= functions, functions
        # What exporters do, they do in a thread that probes leave alone.
        assert not {name for name in functions if name.startswith('hogtrace.exporters') and name.endswith('.export')}
        end()
    """,
    "everything with Flask": """
        import flask
        app = flask.Flask('app')
        @app.get('/<name>')
        def hello(name):
            flask.current_app.logger.warning('hello')
            flask.session.get('x')
            return flask.jsonify(name=name)
        app.secret_key = 'k'
        from hogtrace.wsgi import HogTraceMiddleware
        logging.basicConfig(stream=io.StringIO())
        client = app.test_client()
        assert client.get('/ada').json == {'name': 'ada'}
        probe('**', 'hogtrace.**', sample='2%')
        for _ in range(20):
            assert client.get('/ada').json == {'name': 'ada'}
            assert client.get('/').status_code == 404
        assert [name for name in seen() if name.startswith(('flask.', 'werkzeug.'))]
        end()
    """,
    "everything with Django": """
        import django
        from django.conf import settings
        settings.configure(ROOT_URLCONF='__main__', SECRET_KEY='k', ALLOWED_HOSTS=['*'],
                           DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}},
                           INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth'],
                           MIDDLEWARE=['django.middleware.common.CommonMiddleware'])
        django.setup()
        from django.http import JsonResponse
        from django.urls import path
        from django.test import Client
        from django.core.management import call_command
        call_command('migrate', verbosity=0)
        from django.contrib.auth.models import User
        def view(request, name):
            User.objects.create(username=name)
            return JsonResponse({'names': [user.username for user in User.objects.filter(username=name)]})
        urlpatterns = [path('<str:name>/', view)]
        client = Client()
        assert client.get('/ada/').json() == {'names': ['ada']}
        probe('**', 'hogtrace.**', sample='2%')
        for number in range(20):
            assert client.get(f'/ada{number}/').json() == {'names': [f'ada{number}']}
        assert [name for name in seen() if name.startswith('django.')]
        end()
    """,
}


SLOW = ("everything with Flask", "everything with Django")


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] if case in SLOW else []) for case in CASES]
)
def test_probes_on_what_is_used_inside(case: str, tmp_path: Path) -> None:
    """The application gives what it gives, the process goes on, and the accounts balance."""
    script = tmp_path / "case.py"
    script.write_text(PREAMBLE + textwrap.dedent(CASES[case]))
    result = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stderr[-6000:]
    assert result.stdout.startswith("well True")
