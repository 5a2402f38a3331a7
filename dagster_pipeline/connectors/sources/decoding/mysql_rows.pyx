# cython: boundscheck=False, wraparound=False, cdivision=True
"""Rows of MySQL's binary protocol, as prepared statements send them.

Packets: dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html. Rows: page_protocol_binary_resultset.html,
mariadb.com/kb/en/resultset-row. The bytes are a server's, yet no length in them is believed beyond the packet's end.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.buffer cimport PyBUF_WRITE

from dagster_pipeline.connectors.sources.decoding.columns cimport Columns

cdef enum:
    LARGEST_PACKET = 0xFFFFFF
    HEADER = 4
    SMALLEST_ROOM = 1 << 16

cdef enum Form:
    FIXED = 0      # a number, as it lies there
    BYTES = 1
    DAY = 2
    MOMENT = 3

cdef enum State:
    HUNGRY = 0
    FULL = 1
    ENDED = 2
    FAILED = 3

MORE, BATCH, END, ERROR = HUNGRY, FULL, ENDED, FAILED
NUMBER, TEXT, DATE, DATETIME = FIXED, BYTES, DAY, MOMENT

cdef int64_t NO_DAY = -(<int64_t>1 << 62)
cdef int[12] DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


cdef inline int64_t day_number(int64_t year, int month, int day) noexcept nogil:
    """Days since 1970-01-01 in the calendar that both databases use for all years; `NO_DAY` for one that is none of it."""
    cdef int64_t shifted, era, of_era
    cdef bint leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    if month < 1 or month > 12 or day < 1 or day > DAYS[month - 1] + (month == 2 and leap):
        return NO_DAY
    # A year that begins in March has its odd day last, so months and years have closed forms.
    shifted = year - (month <= 2) + 400
    era = shifted // 400
    of_era = shifted - era * 400
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 \
        + (153 * (month + (9 if month <= 2 else -3)) + 2) // 5 + day - 1 - 719468 - 146097


cdef inline uint32_t three(const unsigned char* at) noexcept nogil:
    return at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16


cdef class MySQLRows:
    """Turns what a connection receives into columns; see the stub."""

    cdef Columns columns
    cdef int* forms
    cdef int* sent      # bytes on the wire of a number
    cdef int64_t* first # what a day or moment may be
    cdef int64_t* last
    cdef int count
    cdef unsigned char* buffer
    cdef size_t capacity, begin, end
    cdef readonly bytes failure

    def __cinit__(self, forms, widths, spans, Py_ssize_t most_rows, size_t most_bytes):
        cdef int at
        self.columns = Columns([0 if form == BYTES else width for form, width in zip(forms, widths)], most_rows, most_bytes)
        self.count = len(forms)
        self.forms = <int*>malloc(max(self.count, 1) * sizeof(int))
        self.sent = <int*>malloc(max(self.count, 1) * sizeof(int))
        self.capacity = 4 * SMALLEST_ROOM
        self.buffer = <unsigned char*>malloc(self.capacity)
        self.first = <int64_t*>malloc(max(self.count, 1) * sizeof(int64_t))
        self.last = <int64_t*>malloc(max(self.count, 1) * sizeof(int64_t))
        if self.forms is NULL or self.sent is NULL or self.buffer is NULL or self.first is NULL or self.last is NULL:
            raise MemoryError
        for at in range(self.count):
            self.forms[at] = forms[at]
            self.sent[at] = widths[at]
            self.first[at], self.last[at] = spans[at]

    def __dealloc__(self):
        free(self.forms)
        free(self.sent)
        free(self.first)
        free(self.last)
        free(self.buffer)

    @property
    def rows(self):
        return self.columns.rows

    def take(self):
        return self.columns.take()

    def room(self):
        """Where further bytes belong. It is valid until the next call of anything here."""
        cdef unsigned char* grown
        if self.begin == self.end:
            self.begin = self.end = 0
        elif self.capacity - self.end < SMALLEST_ROOM:
            if self.begin:
                memmove(self.buffer, self.buffer + self.begin, self.end - self.begin)
                self.end -= self.begin
                self.begin = 0
            if self.capacity - self.end < SMALLEST_ROOM:
                grown = <unsigned char*>realloc(self.buffer, 2 * self.capacity)
                if grown is NULL:
                    raise MemoryError
                self.buffer = grown
                self.capacity *= 2
        return PyMemoryView_FromMemory(<char*>self.buffer + self.end, self.capacity - self.end, PyBUF_WRITE)

    def received(self, size_t size):
        if size > self.capacity - self.end:
            raise ValueError("more bytes than there is room for")
        self.end += size

    def decode(self):
        """Decode rows until a batch is full, the bytes are used up, or the statement has ended."""
        cdef int state
        with nogil:
            state = self._decode()
        return state

    cdef int _decode(self) except -1 nogil:
        cdef unsigned char* packet
        cdef size_t size, used
        while True:
            if self.columns.is_full():
                return FULL
            if not self._packet(&packet, &size, &used):
                return HUNGRY
            if size == 0:
                with gil:
                    raise ValueError("an empty packet")
            if packet[0] == 0:
                self._row(packet, packet + size)
                self.begin += used
                continue
            self.begin += used
            if packet[0] == 0xFE and size < 9:
                return ENDED
            with gil:
                self.failure = PyBytes_FromStringAndSize(<char*>packet, size)
            return FAILED

    cdef bint _packet(self, unsigned char** packet, size_t* size, size_t* used) noexcept nogil:
        """The next packet, its parts joined where it has several; false when it is not whole yet."""
        cdef unsigned char* first = self.buffer + self.begin
        cdef size_t present = self.end - self.begin
        cdef size_t at = 0, joined = 0
        cdef uint32_t part
        while True:
            if present - at < HEADER:
                return False
            part = three(first + at)
            at += HEADER
            if present - at < part:
                return False
            at += part
            joined += part
            if part < LARGEST_PACKET:
                break
        used[0] = at
        size[0] = joined
        packet[0] = first + HEADER
        if joined >= LARGEST_PACKET:
            self._join(first, at)
        return True

    cdef void _join(self, unsigned char* first, size_t whole) noexcept nogil:
        """Move the parts of a large packet together; nothing behind it moves."""
        cdef size_t at = HEADER + LARGEST_PACKET
        cdef unsigned char* target = first + at
        cdef uint32_t part
        while at < whole:
            part = three(first + at)
            memmove(target, first + at + HEADER, part)
            target += part
            at += HEADER + part

    cdef int _row(self, const unsigned char* packet, const unsigned char* end) except -1 nogil:
        cdef const unsigned char* nulls = packet + 1
        cdef const unsigned char* at = nulls + (self.count + 9) // 8
        cdef int number, form, sent
        cdef size_t size
        if at > end:
            self._broken()
        for number in range(self.count):
            if nulls[(number + 2) >> 3] >> ((number + 2) & 7) & 1:
                self.columns.put_null(number)
                continue
            form = self.forms[number]
            if form == FIXED:
                sent = self.sent[number]
                if end - at < sent:
                    self._broken()
                memcpy(self.columns.place(number), at, sent)
                at += sent
                continue
            if at >= end:
                self._broken()
            size = at[0]
            at += 1
            if form == BYTES:
                if size >= 251:
                    if size == 252 and end - at >= 2:
                        size = at[0] | <size_t>at[1] << 8
                        at += 2
                    elif size == 253 and end - at >= 3:
                        size = three(at)
                        at += 3
                    elif size == 254 and end - at >= 8:
                        memcpy(&size, at, 8)
                        at += 8
                    else:
                        self._broken()
                if <size_t>(end - at) < size:
                    self._broken()
                self.columns.put_bytes(number, at, size)
            else:
                if <size_t>(end - at) < size:
                    self._broken()
                self._moment(number, form, at, size)
            at += size
        if at != end:
            self._broken()
        self.columns.end_row()
        return 0

    cdef int _moment(self, int number, int form, const unsigned char* at, size_t size) except -1 nogil:
        """A day, or a moment in microseconds; what follows the last part that is sent is 0."""
        cdef int64_t found = NO_DAY
        cdef uint32_t micros = 0
        cdef int64_t seconds = 0
        if size != 0 and size != 4 and size != 7 and size != 11:
            self._broken()
        if size:
            found = day_number(at[0] | <int>at[1] << 8, at[2], at[3])
        if form == MOMENT and found != NO_DAY:
            if size >= 7:
                seconds = at[4] * 3600 + at[5] * 60 + at[6]
            if size == 11:
                memcpy(&micros, at + 7, 4)
            found = (found * 86400 + seconds) * 1000000 + micros
        if found == NO_DAY or found < self.first[number] or found > self.last[number]:
            self.columns.put_lost(number)
        elif form == DAY:
            (<int32_t*>self.columns.place(number))[0] = <int32_t>found
        else:
            memcpy(self.columns.place(number), &found, 8)
        return 0

    cdef int _broken(self) except -1 nogil:
        with gil:
            raise ValueError("a row that is not as MySQL's protocol has it")
