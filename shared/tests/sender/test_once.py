"""A moment that has come: all go on, whoever set it, and however often."""

import threading

from latchwire.sender.once import Once


def test_a_moment_that_has_come_lets_all_go_on_and_stays() -> None:
    once, gone = Once(), list[bool]()
    waiting = [threading.Thread(target=lambda: gone.append(once.wait(30))) for _ in range(8)]
    for thread in waiting:
        thread.start()
    assert not once.wait(0.01)
    assert not once.is_set()
    setting = [threading.Thread(target=once.set) for _ in range(8)]
    for thread in setting:
        thread.start()
    for thread in (*waiting, *setting):
        thread.join(30)
    assert gone == [True] * 8
    assert once.is_set()
    assert once.wait(0)
    assert once.wait(-1)
