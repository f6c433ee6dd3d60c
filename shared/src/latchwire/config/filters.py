"""Topic filters of MQTT: whether two of them have a topic in common (MQTT 5.0, section 4.7)."""


def overlap(one: str, other: str) -> bool:
    """Whether some topic matches both filters.

    Args:
        one: a valid filter.
        other: another one.
    """
    ours, theirs = one.split("/"), other.split("/")
    for mine, yours in zip(ours, theirs, strict=False):
        if "#" in {mine, yours}:
            return True
        if mine != yours and "+" not in {mine, yours}:
            return False
    longer = ours[len(theirs) :] or theirs[len(ours) :]
    return longer in ([], ["#"])  # `a/#` is also `a` itself
