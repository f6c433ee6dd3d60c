"""Keys and passwords change under containers that run, by the lines that docs/operating.md gives for Compose."""

from support.broker import wait_until
from support.compose import BY_HAND, Stack

JOHN = "+15555550100"


def test_new_keys_and_a_new_password_are_taken_by_running_containers(stack: Stack) -> None:
    services = stack.services()
    before = {service: stack.inspect(service)["State"]["StartedAt"] for service in services}
    keys = {path: path.read_text() for path in (stack.state / "keys").iterdir()}
    said = stack.latchwire("rotate", "whatsapp", "--now").stdout
    assert BY_HAND in said
    assert "Finished: whatsapp has new keys" in said
    stack.run("sh", "-c", BY_HAND)

    def works() -> bool:
        return "is locked" in stack.whatsapp("lock the front door", number=JOHN)

    wait_until(works, "WhatsApp works by its new keys and password", 30)
    changed = sorted(path.name for path, text in keys.items() if path.read_text() != text)
    assert changed == ["magiq", "omega", "whatsapp"]
    assert {service: stack.inspect(service)["State"]["StartedAt"] for service in services} == before
    assert "All is well" in stack.latchwire("check").stdout
