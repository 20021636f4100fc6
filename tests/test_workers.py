import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from fwverify.forked import HEADER, Item, Worker, ending
from fwverify.selftest import prove, task
from fwverify.workers import Outcome, Pool, Task

MEMORY = 256 * 1024 * 1024


@pytest.fixture(scope="module")
def pool():
    with Pool(2, MEMORY) as pool:
        yield pool


def run(pool, *tasks):
    return list(pool.map(tasks))


def test_every_item_has_one_outcome_in_the_order_given(pool):
    outcomes = run(pool, *(task("echo", b"%d" % index) for index in range(50)))
    assert [outcome.result for outcome in outcomes] == [b"%d" % index for index in range(50)]


def test_order_holds_when_the_first_item_is_the_slowest(pool):
    outcomes = run(pool, task("hang", seconds=1.0), *(task("echo", b"x") for _ in range(5)))
    assert outcomes[0].failure == "deadline"
    assert [outcome.result for outcome in outcomes[1:]] == [b"x"] * 5


@pytest.mark.parametrize(
    ("misdeed", "failure", "text"),
    [
        (task("crash"), "crashed", "SIGSEGV"),
        (task("leave", b"0"), "crashed", "ended with code 0"),
        (task("leave", b"7"), "crashed", "ended with code 7"),
        (task("hang", seconds=0.5), "deadline", "deadline"),
        (task("hoard", b"%d" % (8 * MEMORY)), "memory", "memory"),
        (task("fail", b"broken"), "raised", "ValueError: broken"),
        (task("answer", b"%d" % (2 * MEMORY)), "memory", "memory"),
    ],
)
def test_a_misdeed_costs_its_own_item_alone(pool, misdeed, failure, text):
    before, bad, after = run(pool, task("echo", b"a"), misdeed, task("echo", b"b"))
    assert (before.result, after.result) == (b"a", b"b")
    assert bad.result is None
    assert bad.failure == failure
    assert text in bad.text


def test_many_misdeeds_in_a_row_lose_no_neighbour(pool):
    kinds = [task("crash"), task("leave", b"1"), task("fail", b"x"), task("hang", seconds=0.3)]
    tasks = [item for bad in kinds * 3 for item in (bad, task("echo", b"ok"))]
    outcomes = run(pool, *tasks)
    assert [outcome.result for outcome in outcomes[1::2]] == [b"ok"] * 12
    assert all(outcome.failure for outcome in outcomes[::2])


def test_a_worker_killed_from_outside_loses_only_its_item():
    with Pool(2, MEMORY) as pool:
        victim = int(pool.run(task("process_id")).result)
        killer = threading.Timer(0.5, os.kill, (victim, signal.SIGKILL))
        killer.start()
        hanging = [task("hang", seconds=20.0)]
        outcomes = run(pool, *hanging, *(task("echo", b"%d" % i) for i in range(10)))
        killer.join()
    assert outcomes[0].failure == "crashed"
    assert "SIGKILL" in outcomes[0].text
    assert [outcome.result for outcome in outcomes[1:]] == [b"%d" % i for i in range(10)]


def test_a_worker_that_died_while_idle_costs_no_item():
    with Pool(1, MEMORY) as pool:
        victim = int(pool.run(task("process_id")).result)
        os.kill(victim, signal.SIGKILL)
        time.sleep(0.3)
        assert pool.run(task("echo", b"still here")).result == b"still here"


def test_a_huge_answer_arrives_whole():
    with Pool(1, 4 * MEMORY) as pool:
        outcome = pool.run(task("answer", b"%d" % (40 * 1024 * 1024)))
    assert outcome.result is not None
    assert len(outcome.result) == 40 * 1024 * 1024


def test_a_huge_argument_arrives_whole():
    with Pool(1, 4 * MEMORY) as pool:
        argument = b"a" * (20 * 1024 * 1024)
        assert pool.run(task("echo", argument)).result == argument


def test_what_a_library_prints_does_not_garble_answers(pool, capfd):
    assert pool.run(task("print_noise", b"clean")).result == b"clean"


def test_a_consumer_may_stop_early_and_the_pool_goes_on():
    with Pool(2, MEMORY) as pool:
        outcomes = pool.map([task("echo", b"1"), *(task("hang") for _ in range(4))])
        assert next(iter(outcomes)).result == b"1"
        outcomes.close()
        begun = time.monotonic()
        assert pool.run(task("echo", b"2")).result == b"2"
        assert time.monotonic() - begun < 5


def test_tasks_are_taken_only_as_workers_are_free():
    taken = []

    def lazily():
        for index in range(100):
            taken.append(index)
            yield task("echo", b"%d" % index)

    with Pool(2, MEMORY) as pool:
        outcomes = pool.map(lazily())
        next(iter(outcomes))
        assert len(taken) < 10
        outcomes.close()


@pytest.mark.parametrize(
    "function", ["os:system", "builtins:eval", "fwverify_other:x", "subprocess:run", "nothing"]
)
def test_only_functions_of_this_package_run(pool, function):
    outcome = pool.run(Task(function=function, argument=b"", deadline_seconds=5))
    assert outcome.failure == "raised"
    assert "not a function of this package" in outcome.text


def test_a_function_that_does_not_exist_is_an_outcome(pool):
    outcome = pool.run(task("no_such_function"))
    assert outcome.failure == "raised"


def test_nothing_gives_nothing(pool):
    assert run(pool) == []


def test_a_pool_needs_a_worker():
    with pytest.raises(ValueError, match="worker"):
        Pool(0, MEMORY)


def test_a_closed_pool_leaves_no_process():
    with Pool(2, MEMORY) as pool:
        ids = [int(o.result) for o in run(pool, *(task("process_id") for _ in range(6)))]
    for process in set(ids):
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_a_worker_inherits_no_secret(pool, monkeypatch):
    monkeypatch.setenv("FWVERIFY_SECRET", "hunter2")
    with Pool(1, MEMORY) as own:
        outcome = own.run(task("environment"))
    assert b"FWVERIFY_SECRET" not in outcome.result


def test_an_outcome_is_a_result_or_a_failure():
    assert Outcome(result=b"").failure is None
    assert Outcome(failure="crashed").result is None


def test_the_doctors_proof_holds():
    assert [(proof.name, proof.held) for proof in prove()] == [
        ("crash", True),
        ("exit", True),
        ("hang in C code", True),
        ("memory", True),
        ("exception", True),
    ]


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_light_tasks_that_wait_in_a_pipe_outlive_the_worker(jobs):
    misdeeds = [
        task("crash", light=True),
        task("leave", b"7", light=True),
        task("hang", seconds=0.3, light=True),
        task("hoard", b"%d" % (8 * MEMORY), light=True),
        task("fail", b"x", light=True),
    ]
    tasks = []
    for number, bad in enumerate(misdeeds):
        tasks += [task("echo", b"%d %d" % (number, n), light=True) for n in range(5)]
        tasks.append(bad)
    with Pool(jobs, MEMORY) as own:
        outcomes = run(own, *tasks)
    failures = ["crashed", "crashed", "deadline", "memory", "raised"]
    assert [outcome.failure for outcome in outcomes[5::6]] == failures
    good = [outcome for number, outcome in enumerate(outcomes) if number % 6 != 5]
    assert [outcome.result for outcome in good] == [
        b"%d %d" % (number, n) for number in range(5) for n in range(5)
    ]


def test_a_light_task_has_its_own_time_whatever_was_before_it():
    tasks = [task("pause", b"0.5", seconds=2.0, light=True) for _ in range(6)]
    with Pool(1, MEMORY, preload=("fwverify.selftest",)) as own:
        own.run(task("echo"))
        assert all(outcome.failure is None for outcome in run(own, *tasks))


def test_only_light_tasks_wait_behind_another():
    with Pool(2, MEMORY) as own:
        begun = time.monotonic()
        slow = task("pause", b"3", light=False)
        outcomes = own.map([slow, *(task("process_id", light=True) for _ in range(6))])
        next(outcomes)
        others = {outcome.result for outcome in outcomes}
        assert time.monotonic() - begun < 6
    assert len(others) == 1  # the worker that was not at the slow one


def test_a_large_light_task_does_not_wait_in_a_pipe():
    large = task("echo", b"x" * 100_000, light=True)
    with Pool(1, MEMORY) as own:
        outcomes = run(own, *(large for _ in range(5)), task("echo", b"y", light=True))
    assert [len(outcome.result) for outcome in outcomes] == [100_000] * 5 + [1]


def forged(number):
    body = msgspec.msgpack.encode(Outcome(result=b"forged"))
    return HEADER.pack(len(body), number) + body


@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("extra", [forged(0), forged(2), forged(99), b"garbage", forged(2)[:-1]])
def test_an_answer_out_of_turn_is_nobodys(light, extra):
    tasks = [task("echo", b"%d" % number, light=light) for number in range(5)]
    tasks[1] = task("speak", extra, light=light)
    with Pool(1, MEMORY) as own:
        outcomes = run(own, *tasks)
    assert [outcome.result for outcome in outcomes] == [b"0", None, b"2", b"3", b"4"]
    assert (outcomes[1].failure, outcomes[1].text) == ("crashed", "a garbled answer")


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_light_task_is_begun_once_but_for_what_its_worker_left_undone(tmp_path, jobs):
    names = [os.fsencode(tmp_path / f"{number}") for number in range(12)]
    tasks = [task("append", name, light=True) for name in names]
    tasks[3:3] = [task("crash", light=True)]
    tasks[9:9] = [task("hang", seconds=0.3, light=True)]
    with Pool(jobs, MEMORY, (str(tmp_path),)) as own:
        outcomes = run(own, *tasks)
    assert [outcome.failure for outcome in outcomes].count(None) == 12
    assert [outcomes[at].failure for at in (3, 9)] == ["crashed", "deadline"]
    assert [Path(os.fsdecode(name)).read_bytes() for name in names] == [b"x"] * 12


@pytest.fixture
def unread():
    """A worker that reads nothing, and its pool's ends of the pipes."""
    asked, questions = os.pipe()
    answers, answered = os.pipe()
    worker = Worker(Silent(), questions, answers)
    yield worker
    for handle in (asked, questions, answers, answered):
        os.close(handle)


class Silent:
    def learn(self):
        """There is nothing to learn."""


def test_a_worker_that_does_not_read_holds_nobody_up(unread):
    begun = time.monotonic()
    assert not unread.deliver(Item(0, b"x" * 1_000_000, 0.2, light=False))
    assert 0.1 < time.monotonic() - begun < 5


def test_behind_another_item_nothing_waits_to_be_sent(unread):
    assert unread.deliver(Item(0, b"x", 60.0, light=True))
    os.write(unread.questions, b"x" * 60_000)
    begun = time.monotonic()
    taken = [unread.deliver(Item(number, b"y" * 3000, 60.0, light=True)) for number in range(9)]
    assert taken[-1] is False
    assert time.monotonic() - begun < 5
    assert len(unread.queue) == 1 + sum(taken)


def test_a_new_worker_knows_nothing_of_what_another_saw(pool):
    with Pool(1, MEMORY) as own:
        told = run(own, *(task("remember", b"%d" % number) for number in range(3)))
        run(own, task("crash"))
        fresh = own.run(task("remember", b"x"))
    assert [outcome.result for outcome in told] == [b"", b"0", b"0 1"]
    assert fresh.result == b""


def test_a_worker_has_its_own_session_and_no_others_pipes():
    with Pool(3, MEMORY) as own:
        hanging = [task("hang", seconds=1.0), task("hang", seconds=1.0)]
        *_, outcome, process = run(own, *hanging, task("session"), task("process_id"))
    session, *kinds = outcome.result.split()
    assert session == process.result
    assert kinds.count(b"pipe") <= 2 + 2  # its own two, and the standard output of the tests
    assert b"socket" not in kinds


def test_the_forking_process_is_replaced_when_it_dies():
    with Pool(2, MEMORY) as own:
        forker = int(own.run(task("parent_id")).result)
        os.kill(forker, signal.SIGKILL)
        time.sleep(0.3)
        outcomes = run(own, *(task("echo", b"%d" % number) for number in range(6)))
        assert [outcome.result for outcome in outcomes] == [b"%d" % n for n in range(6)]
        assert int(own.run(task("parent_id")).result) != forker


def test_a_forking_process_that_dies_costs_only_what_was_under_way():
    with Pool(2, MEMORY) as own:
        forker = int(own.run(task("parent_id")).result)
        killer = threading.Timer(0.5, os.kill, (forker, signal.SIGKILL))
        killer.start()
        tasks = [task("hang", seconds=20.0), task("hang", seconds=20.0), task("echo", b"after")]
        *lost, after = run(own, *tasks)
        killer.join()
    assert [outcome.failure for outcome in lost] == ["crashed", "crashed"]
    assert after.result == b"after"


def test_workers_die_with_the_process_that_has_the_pool():
    script = """
import sys
from fwverify.selftest import task
from fwverify.workers import Pool
with Pool(2, 256 * 1024 * 1024) as pool:
    for outcome in pool.map([task("process_id"), task("parent_id")]):
        print(outcome.result.decode(), flush=True)
    pool.run(task("hang", seconds=600.0))
"""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    ) as caller:
        processes = [int(caller.stdout.readline()) for _ in range(2)]
        time.sleep(0.3)
        caller.kill()
    waited = time.monotonic() + 10
    while any(map(_is_alive, processes)) and time.monotonic() < waited:
        time.sleep(0.05)
    assert not any(map(_is_alive, processes))


def _is_alive(process):
    """Return whether ``process`` runs; one that nobody has reaped yet does not."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_status_is_put_into_words():
    assert ending(3) == "ended with code 3"
    assert ending(-signal.SIGSEGV) == "killed by SIGSEGV"
    assert ending(-40) == "killed by signal 40"
    assert "died with" in ending(None)


def test_a_function_named_for_preloading_is_called_before_the_workers() -> None:
    with Pool(1, MEMORY, preload=("fwverify.unpack.opening:prepare",)) as own:
        forker = own.run(task("parent_id")).result.decode()
        threads = os.listdir(f"/proc/{forker}/task")
    assert threads == [forker]  # a fork of a process with threads may hang


def test_a_preloaded_worker_is_ready_and_used_first() -> None:
    with Pool(2, 256 * 1024 * 1024, preload=("fwverify.selftest",)) as pool:
        (ready,) = pool._idle
        assert pool.run(task("echo", b"x")).result == b"x"
        assert pool._idle == [ready]


def test_a_worker_whose_preload_fails_costs_its_item_and_no_more() -> None:
    with Pool(1, 256 * 1024 * 1024, preload=("fwverify.no_such_module",)) as pool:
        assert pool.run(task("echo", b"x")).failure == "crashed"
