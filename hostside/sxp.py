"""xend's s-expressions, which come as nested lists -> the structs of the agent's ``list_vms``.

Pure. What xend sends: xend.md 6; what the agent makes of it: agent-behaviour.md 7.1,
answer-shapes.md. Whatever is not as expected is left out or converted to text.
"""

from libcloud_ovm3_host.compat import bytes_type, text_type, to_text

_DEEPEST = 20  # xend nests nothing that deep


def domain(expression):
    """The struct of one domain, all values text: ``{uuid, name, device: {vif: [...]}, ...}``."""
    struct = {'device': {}}
    for key, rest in _pairs(expression):
        if key == 'device':
            _add_device(struct['device'], rest)
        elif key == 'image':
            _add_image(struct, rest)
        else:
            struct[key] = _value(rest)
    return struct


def _add_device(devices, rest):
    """``[kind, [key, value], ...]``"""
    if rest and isinstance(rest[0], (list, tuple)) and rest[0]:
        kind = rest[0][0]
        if isinstance(kind, (bytes_type, text_type)):
            pairs = _pairs(rest[0])
            devices.setdefault(to_text(kind), []).append(
                dict([(key, _value(values)) for key, values in pairs]))


def _add_image(struct, rest):
    """``[linux or hvm, [key, value], ...]``: the first word is the builder."""
    image = struct['image'] = {}
    if not rest or not isinstance(rest[0], (list, tuple)) or not rest[0]:
        return
    struct['builder'] = _plain(rest[0][0], 0)
    for key, values in _pairs(rest[0]):
        if key == 'notes':  # pairs, as many as there are
            image[key] = [_plain(note, 1) for note in values]
        else:
            image[key] = _value(values)


def _pairs(expression):
    """``(key, [values])`` of each list in a list, without the list's first word."""
    found = []
    if isinstance(expression, (list, tuple)):
        for item in expression[1:]:
            if isinstance(item, (list, tuple)) and item and isinstance(item[0],
                                                                       (bytes_type, text_type)):
                found.append((to_text(item[0]), list(item[1:])))
    return found


def _value(values):
    """One value as it is, none as '', several as a list."""
    if not values:
        return to_text('')
    if len(values) == 1:
        return _plain(values[0], 0)
    return _plain(values, 0)


def _plain(value, depth):
    if isinstance(value, (list, tuple)):
        if depth > _DEEPEST:
            return to_text('...')
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, (bytes_type, text_type)):
        return to_text(value)
    if value is None:
        return to_text('')
    return to_text(str(value))
