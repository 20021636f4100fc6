"""What is started before the command line is loaded, and who gets it."""

import os
import signal

import pytest

from fwverify import early
from fwverify.forked import Forker


@pytest.fixture
def nothing_begun(monkeypatch):
    monkeypatch.setattr(early, "_begun", [])


@pytest.mark.parametrize("command", ["check", "diff", "scan", "unpack", "verify"])
def test_a_command_that_opens_contents_finds_it_started(nothing_begun, command):
    early.begin(["--config", "some.toml", command, "update.bin"])
    (begun,) = early._begun
    try:
        assert early.forker() is begun
        assert early._begun == []
    finally:
        begun.close()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["rules", "list"], ["formats"]])
def test_other_commands_start_nothing(nothing_begun, arguments):
    early.begin(arguments)
    assert early._begun == []


def test_who_asks_without_it_gets_a_new_one(nothing_begun):
    own = early.forker()
    try:
        assert isinstance(own, Forker)
    finally:
        assert "SIGKILL" in own.close()


def test_closing_twice_kills_nobody_else(nothing_begun, monkeypatch):
    own = early.forker()
    own.close()

    def refuse(*_):
        raise AssertionError("its number may be another's by now")

    monkeypatch.setattr(os, "killpg", refuse)
    assert signal.SIGKILL.name in own.close()
