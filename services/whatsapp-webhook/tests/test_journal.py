"""No message is done twice: whatever the threads, the restarts and the disk do."""

import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from latchwire_whatsapp_webhook.journal import Journal, JournalError, New, Repeated, message_id
from support.broker import wait_until

ACCOUNT, SID = "AC" + "0" * 32, "SM" + "1" * 32
A_MESSAGE = message_id(ACCOUNT, SID)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "whatsapp.sqlite3"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal(path=path)
    yield journal
    journal.close()


def hear_many(journal: Journal, count: int) -> None:
    for number in range(count):
        journal.hear(message_id(ACCOUNT, f"SM{number:032x}"))


def test_an_id_serves_as_jti_and_differs_by_account_message_and_device() -> None:
    ids = {
        A_MESSAGE,
        message_id("AC" + "1" * 32, SID),
        message_id(ACCOUNT, "MM" + "1" * 32),
        message_id(ACCOUNT, SID, "ac"),
        message_id(ACCOUNT, SID, "light"),
    }
    assert len(ids) == 5
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{16,64}", one) for one in ids)
    assert message_id(ACCOUNT, SID) == A_MESSAGE


def test_a_repeated_message_gets_the_first_answer_also_after_a_restart(path: Path, journal: Journal) -> None:
    assert journal.hear(A_MESSAGE) == New()
    journal.answered(A_MESSAGE, "Done: the front door is unlocked. 🚪")
    journal.answered(A_MESSAGE, "another answer")
    assert journal.hear(A_MESSAGE) == Repeated("Done: the front door is unlocked. 🚪")
    journal.close()
    again = Journal(path=path)
    assert again.hear(A_MESSAGE) == Repeated("Done: the front door is unlocked. 🚪")
    again.close()


def test_a_message_that_a_kill_cut_off_is_never_new_again(path: Path) -> None:
    killed = (
        "import os, signal, sys; from pathlib import Path; from latchwire_whatsapp_webhook.journal import Journal; "
        "print(Journal(path=Path(sys.argv[1])).hear(sys.argv[2]), flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", killed, str(path), A_MESSAGE], capture_output=True, text=True, check=False
    )
    assert "New()" in ended.stdout, ended.stderr
    journal = Journal(path=path)
    assert journal.hear(A_MESSAGE) == Repeated(None)
    journal.close()


def test_of_many_deliveries_at_once_one_is_new_and_the_others_get_its_answer(journal: Journal) -> None:
    def deliver(_: int) -> str:
        heard = journal.hear(A_MESSAGE)
        if heard == New():
            journal.answered(A_MESSAGE, "the answer")
            return "new"
        assert isinstance(heard, Repeated)
        return str(heard.answer)

    with ThreadPoolExecutor(40) as pool:
        ends = sorted(pool.map(deliver, range(40)))
    assert ends == ["new"] + ["the answer"] * 39 or ends == ["the answer"] * 39 + ["new"]


def test_many_threads_with_messages_of_their_own_lose_none(journal: Journal) -> None:
    def deliver(number: int) -> bool:
        message = message_id(ACCOUNT, f"SM{number:032x}")
        new = journal.hear(message) == New()
        journal.answered(message, str(number))
        return new and journal.hear(message) == Repeated(str(number))

    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(deliver, range(400)))


def test_a_second_delivery_does_not_wait_for_ever(path: Path) -> None:
    journal = Journal(path=path, patience=0.05)
    journal.hear(A_MESSAGE)
    assert journal.hear(A_MESSAGE) == Repeated(None, under_way=True)
    journal.close()


def test_a_second_process_does_not_do_what_the_first_is_doing(path: Path, journal: Journal) -> None:
    other = Journal(path=path)
    assert journal.hear(A_MESSAGE) == New()
    assert other.hear(A_MESSAGE) == Repeated(None)
    other.close()


def test_a_full_disk_refuses_and_is_looked_at_again(path: Path, journal: Journal) -> None:
    journal.hear(A_MESSAGE)
    database = journal._database
    assert database is not None
    database.execute("PRAGMA max_page_count = 3")
    with pytest.raises(JournalError, match="full") as told:
        hear_many(journal, 1000)
    assert str(path) in str(told.value)
    assert "Free some disk" in str(told.value)
    assert journal.hear(message_id(ACCOUNT, "SM" + "e" * 32)) == New()  # opened anew, without the limit


def test_a_damaged_file_refuses_and_is_not_begun_anew(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, but it may have been one" * 100)
    journal = Journal(path=path)
    for _ in range(2):
        with pytest.raises(JournalError, match="not a database"):
            journal.hear(A_MESSAGE)
    with pytest.raises(JournalError):
        journal.check()
    assert path.read_bytes().startswith(b"this is no database")


def test_damage_in_the_middle_refuses(path: Path, journal: Journal) -> None:
    hear_many(journal, 300)
    journal.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(JournalError):
        hear_many(journal, 400)


def test_a_file_that_vanishes_while_the_service_runs_refuses_until_it_is_back(path: Path, journal: Journal) -> None:
    journal.hear(A_MESSAGE)
    aside = path.with_suffix(".aside")
    path.rename(aside)
    for _ in range(3):
        with pytest.raises(JournalError, match="cannot be used"):
            journal.hear(message_id(ACCOUNT, "SM" + "2" * 32))
    assert not path.exists()
    aside.rename(path)
    journal.check()
    assert isinstance(journal.hear(A_MESSAGE), Repeated)


def test_a_newer_version_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()
    with pytest.raises(JournalError, match="version 2"):
        Journal(path=path).hear(A_MESSAGE)


def test_only_the_owner_can_read_it(path: Path, journal: Journal) -> None:
    journal.hear(A_MESSAGE)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_messages_that_come_while_the_disk_is_busy_share_one_commit(journal: Journal) -> None:
    journal.check()
    database = journal._database
    assert database is not None
    commits: list[str] = []
    alone = ("COMMIT", "UPDATE")  # an answer by itself is a transaction by itself
    database.set_trace_callback(lambda words: commits.append(words) if words.startswith(alone) else None)
    with ThreadPoolExecutor(40) as pool:
        with journal._lock:  # as while somebody's commit is at it
            heard = [pool.submit(journal.hear, message_id(ACCOUNT, f"SM{number % 30:032x}")) for number in range(40)]
            wait_until(lambda: len(journal._due) == 40, "all wait")
        news = [number for number, each in enumerate(heard[:30]) if each.result(20) == New()]
        for number in range(30):
            journal.answered(message_id(ACCOUNT, f"SM{number:032x}"), "the answer")
        ends = [each.result(20) for each in heard]
    assert len(news) + ends[30:].count(New()) == 30
    assert [words[:6] for words in commits] == ["COMMIT"] + ["UPDATE"] * 30


def test_when_the_disk_is_full_none_of_those_who_share_a_commit_is_new(path: Path, journal: Journal) -> None:
    journal.check()
    database = journal._database
    assert database is not None
    database.execute("PRAGMA max_page_count = 3")
    with ThreadPoolExecutor(100) as pool:
        with journal._lock:
            heard = [pool.submit(journal.hear, message_id(ACCOUNT, f"SM{number:032x}")) for number in range(100)]
            wait_until(lambda: len(journal._due) == 100, "all wait")
        errors = [type(each.exception(20)) for each in heard]
    assert errors == [JournalError] * 100
    again = Journal(path=path)
    assert [again.hear(message_id(ACCOUNT, f"SM{number:032x}")) for number in range(100)] == [New()] * 100
    again.close()


def test_it_is_on_the_disk_before_it_is_called_new(path: Path, journal: Journal) -> None:
    journal.hear(A_MESSAGE)
    database = journal._database
    assert database is not None
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    other = sqlite3.connect(path)
    assert other.execute("SELECT id, answer FROM message").fetchall() == [(A_MESSAGE, None)]
    other.close()


def test_a_waiting_thread_gets_the_answer_when_it_comes(journal: Journal) -> None:
    journal.hear(A_MESSAGE)
    ends: list[object] = []
    waiting = threading.Thread(target=lambda: ends.append(journal.hear(A_MESSAGE)))
    waiting.start()
    journal.answered(A_MESSAGE, "the answer")
    waiting.join(5)
    assert ends == [Repeated("the answer")]
