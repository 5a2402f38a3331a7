"""Prepared statements over a connection of PyMySQL, which has none: a server sends their rows in the binary protocol.

Numbers travel as they lie in memory, days and moments in parts, so neither side prints or parses them
(dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase_ps.html).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymysql.connections import Connection
from pymysql.constants import COMMAND, ER
from pymysql.cursors import Cursor
from pymysql.err import ProgrammingError, raise_mysql_exception
from pymysql.protocol import FieldDescriptorPacket

_PREPARED = struct.Struct("<xIHH")
_EXECUTE = struct.Struct("<IBI")
_UNSIGNED = 32
_BINARY_COLLATION = 63
NO_CURSOR, ONCE = 0, 1


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result as the server announces it.

    Attributes:
        type: the protocol's number (`pymysql.constants.FIELD_TYPE`).
        is_unsigned: of a number.
        is_bytes: of a text: it has no character set.
    """

    name: str
    type: int
    is_unsigned: bool
    is_bytes: bool


def execute(connection: Connection[Cursor], statement: str) -> list[ResultColumn]:
    """Prepare and execute; the rows are on their way then, in the order of these columns. Raises `pymysql.MySQLError`."""
    wire: Any = connection  # its protocol is not part of PyMySQL's types
    wire._execute_command(COMMAND.COM_STMT_PREPARE, statement.encode())
    number, columns, parameters = _PREPARED.unpack_from(wire._read_packet().get_all_data())
    if parameters:  # only a filter of a file can hold one
        raise ProgrammingError(ER.PARSE_ERROR, "a question mark outside of quotes is a parameter")
    for _ in range(columns + bool(columns)):  # announced once more below
        wire._read_packet()
    wire._execute_command(COMMAND.COM_STMT_EXECUTE, _EXECUTE.pack(number, NO_CURSOR, ONCE))
    wire._read_packet()
    found = [wire._read_packet(FieldDescriptorPacket) for _ in range(columns)]
    wire._read_packet()
    return [
        ResultColumn(
            name=each.name,
            type=each.type_code,
            is_unsigned=bool(each.flags & _UNSIGNED),
            is_bytes=each.charsetnr == _BINARY_COLLATION,
        )
        for each in found
    ]


def receiving(connection: Connection[Cursor]) -> Callable[[memoryview], int]:
    """What puts the next bytes of an answer where they belong; it waits for one at least, and gives 0 when the line is cut.

    PyMySQL reads through a buffer, which may hold the first rows already. `readinto1` would hand those on only after
    waiting for more, which need not come.
    """
    wire: Any = connection
    file = wire._rfile
    if file is None:
        return lambda _room: 0
    waiting = memoryview(file.peek())

    def receive(room: memoryview) -> int:
        nonlocal waiting
        if not waiting:
            return int(file.raw.readinto(room))
        size = min(len(waiting), len(room))
        room[:size] = waiting[:size]
        waiting = waiting[size:]
        return size

    return receive


def raise_error(packet: bytes) -> None:
    """Raise the error that the server sent instead of a row."""
    raise_mysql_exception(packet)
