# cython: boundscheck=False, wraparound=False, cdivision=True
"""Rows of PostgreSQL's COPY in binary form, taken from libpq as they arrive.

Form: postgresql.org/docs/current/sql-copy.html, "Binary Format"; values are as each type's send function writes them, in
network order. Messages: postgresql.org/docs/current/protocol-flow.html: one for each row, the header before the first
row, the trailer in one of its own. The bytes are a server's, yet no length in them is believed beyond the message's end.

libpq's functions come as addresses of those that the connection's own driver calls, so that there is one libpq.
"""

from libc.stdint cimport INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from dagster_pipeline.connectors.sources.decoding.columns cimport Columns

cdef extern from * nogil:
    """
    #include <string.h>
    static inline uint16_t big16(const unsigned char* at) { uint16_t v; memcpy(&v, at, 2); return __builtin_bswap16(v); }
    static inline uint32_t big32(const unsigned char* at) { uint32_t v; memcpy(&v, at, 4); return __builtin_bswap32(v); }
    static inline uint64_t big64(const unsigned char* at) { uint64_t v; memcpy(&v, at, 8); return __builtin_bswap64(v); }
    static const int POWERS[5] = {1, 10, 100, 1000, 10000};
    #if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    #error "Arrow's buffers are written in the machine's order, which must be little-endian"
    #endif
    """
    ctypedef unsigned long long wide "unsigned __int128"    # Cython need not know how wide
    const int* POWERS
    uint16_t big16(const unsigned char* at)
    uint32_t big32(const unsigned char* at)
    uint64_t big64(const unsigned char* at)

ctypedef void* (*Execute)(void* connection, const char* statement) noexcept nogil
ctypedef int (*GetCopyData)(void* connection, char** row, int asynchronous) noexcept nogil
ctypedef void* (*GetResult)(void* connection) noexcept nogil
ctypedef void (*Release)(void* thing) noexcept nogil
ctypedef int (*ResultStatus)(const void* result) noexcept nogil
ctypedef char* (*ErrorField)(const void* result, int field) noexcept nogil
ctypedef char* (*ErrorMessage)(const void* thing) noexcept nogil

FUNCTIONS = (
    "PQexec", "PQgetCopyData", "PQgetResult", "PQfreemem", "PQclear", "PQresultStatus", "PQresultErrorField",
    "PQresultErrorMessage", "PQerrorMessage",
)

cdef enum:
    COMMAND_OK = 1      # ExecStatusType of libpq-fe.h
    COPY_OUT = 3
    SQLSTATE = 67       # PG_DIAG_SQLSTATE, 'C'
    HEADER = 19
    DAYS = 10957        # from 1970-01-01 to 2000-01-01
    NOT_A_NUMBER = 0xC000
    NEGATIVE = 0x4000
    SHORT_DIGITS = 38   # of a decimal in 128 bits

cdef int64_t MICROSECONDS = 946684800000000
cdef const char* SIGNATURE = b"PGCOPY\n\xff\r\n\0"

cdef enum Form:
    FIXED = 0
    BYTES = 1
    DAY = 2
    MICROSECOND = 3
    EXACT = 4
    AFTER_VERSION = 5
    HALVES = 6

NUMBER, TEXT, DATE, MOMENT, DECIMAL, JSONB, UUID = FIXED, BYTES, DAY, MICROSECOND, EXACT, AFTER_VERSION, HALVES

cdef struct Field:
    int form
    int width
    int64_t first
    int64_t last
    uint64_t[4] most    # of a decimal: the greatest number of so many digits, its lowest word first


def _width(form, first):
    """Bytes of a value in Arrow."""
    if form == FIXED:
        return first
    return {DAY: 4, MICROSECOND: 8, HALVES: 16, EXACT: 16 if first <= SHORT_DIGITS else 32}.get(form, 0)


cdef inline bint append_digits(uint64_t* value, int words, int digits, int group, const uint64_t* most) noexcept nogil:
    """The value with so many more digits at its end; false when it is then more than `most`."""
    cdef wide carry = group
    cdef int word
    for word in range(words):
        carry = carry + <wide>value[word] * <wide>POWERS[digits]
        value[word] = <uint64_t>carry
        carry = carry >> 64
    if carry:
        return False
    for word in range(words - 1, -1, -1):
        if value[word] != most[word]:
            return value[word] < most[word]
    return True


cdef inline bint is_zero(const uint64_t* value, int words) noexcept nogil:
    return not (value[0] or value[1] or (words == 4 and (value[2] or value[3])))


cdef inline void negate(uint64_t* value, int words) noexcept nogil:
    """The two's complement."""
    cdef wide carry = 1
    cdef int word
    for word in range(words):
        carry = carry + <wide>(~value[word])
        value[word] = <uint64_t>carry
        carry = carry >> 64


class CopyError(Exception):
    """See the stub."""

    def __init__(self, str code, str words):
        super().__init__(words)
        self.code = code


cdef class CopyRows:
    """Turns the rows of a statement into columns; see the stub."""

    cdef Columns columns
    cdef Field* fields
    cdef int count
    cdef bint is_begun

    def __cinit__(self, fields, Py_ssize_t most_rows, size_t most_bytes):
        cdef int at, word
        cdef Field* field
        widths = [_width(form, first) for form, first, _ in fields]
        self.columns = Columns(widths, most_rows, most_bytes)
        self.count = len(widths)
        self.fields = <Field*>calloc(max(self.count, 1), sizeof(Field))
        if self.fields is NULL:
            raise MemoryError
        for at, (form, first, last) in enumerate(fields):
            field = &self.fields[at]
            field.form, field.width, field.first, field.last = form, widths[at], first, last
            if form == EXACT:
                greatest = 10**first - 1
                for word in range(4):
                    field.most[word] = greatest >> 64 * word & 0xFFFFFFFFFFFFFFFF

    def __dealloc__(self):
        free(self.fields)

    @property
    def rows(self):
        return self.columns.rows

    def take(self):
        return self.columns.take()

    def decode(self, const unsigned char[::1] message):
        cdef int more
        if message.shape[0] == 0:
            raise ValueError("an empty message")
        with nogil:
            more = self._decode(&message[0], &message[0] + message.shape[0])
        return bool(more)

    cdef int _decode(self, const unsigned char* at, const unsigned char* end) except -1 nogil:
        """One message: a row, with the header before it where it is the first; 0 for the trailer."""
        cdef int number
        cdef int16_t count
        cdef int32_t size
        if not self.is_begun:
            if end - at < HEADER or memcmp(at, SIGNATURE, 11) != 0 or big32(at + 11) >> 16 or big32(at + 15) != 0:
                self._broken()
            self.is_begun = True
            at += HEADER
        if end - at < 2:
            self._broken()
        count = <int16_t>big16(at)
        at += 2
        if count == -1 and at == end:
            return 0
        if count != self.count:
            self._broken()
        for number in range(self.count):
            if end - at < 4:
                self._broken()
            size = <int32_t>big32(at)
            at += 4
            if size == -1:
                self.columns.put_null(number)
                continue
            if size < 0 or end - at < size:
                self._broken()
            self._value(number, at, size)
            at += size
        if at != end:
            self._broken()
        self.columns.end_row()
        return 1

    cdef int _value(self, int number, const unsigned char* at, size_t size) except -1 nogil:
        cdef Field* field = &self.fields[number]
        cdef unsigned char* place
        cdef uint16_t two
        cdef uint32_t four
        cdef uint64_t eight
        cdef int64_t moment
        if field.form == BYTES:
            self.columns.put_bytes(number, at, size)
            return 0
        if field.form == AFTER_VERSION:
            if size < 1 or at[0] != 1:
                self._broken()
            self.columns.put_bytes(number, at + 1, size - 1)
            return 0
        if field.form == EXACT:
            return self._decimal(number, at, size)
        if size != <size_t>field.width:
            self._broken()
        place = self.columns.place(number)
        if field.form == DAY:
            moment = <int32_t>big32(at)
            if moment == INT32_MAX or moment == INT32_MIN or not (field.first <= moment + DAYS <= field.last):
                self.columns.put_lost(number)
            else:
                (<int32_t*>place)[0] = <int32_t>(moment + DAYS)
        elif field.form == MICROSECOND:
            moment = <int64_t>big64(at)
            if moment == INT64_MAX or moment == INT64_MIN or not (field.first - MICROSECONDS <= moment <= field.last - MICROSECONDS):
                self.columns.put_lost(number)
            else:
                moment += MICROSECONDS
                memcpy(place, &moment, 8)
        elif field.form == HALVES:
            (<uint64_t*>place)[0], (<uint64_t*>place)[1] = big64(at), big64(at + 8)
        elif size == 4:
            four = big32(at)
            memcpy(place, &four, 4)
        elif size == 8:
            eight = big64(at)
            memcpy(place, &eight, 8)
        elif size == 2:
            two = big16(at)
            memcpy(place, &two, 2)
        else:
            memcpy(place, at, size)
        return 0

    cdef int _decimal(self, int number, const unsigned char* at, size_t size) except -1 nogil:
        """Groups of four digits, the first of them times 10000 to the power of `weight` (src/backend/utils/adt/numeric.c)."""
        cdef Field* field = &self.fields[number]
        cdef uint64_t[4] value = [0, 0, 0, 0]
        cdef int words = field.width // 8
        cdef int place, group, groups, exponent, dropped
        cdef bint fits
        cdef uint16_t sign
        if size < 8:
            self._broken()
        groups, sign = big16(at), big16(at + 4)
        exponent = 4 * <int>(<int16_t>big16(at + 2)) + <int>field.last   # of a group's last digit, in units of the scale
        if size != <size_t>(8 + 2 * groups):
            self._broken()
        fits = sign < NOT_A_NUMBER
        for place in range(groups if fits else 0):
            group = big16(at + 8 + 2 * place)
            if group > 9999:
                self._broken()
            dropped = min(max(-exponent, 0), 4)     # digits beyond the scale
            exponent -= 4
            fits = group % POWERS[dropped] == 0 \
                and append_digits(value, words, 4 - dropped, group // POWERS[dropped], field.most)
            if not fits:
                break
        exponent += 4
        while fits and exponent > 0 and not is_zero(value, words):
            fits = append_digits(value, words, 1, 0, field.most)
            exponent -= 1
        if not fits:
            self.columns.put_lost(number)
            return 0
        if sign == NEGATIVE:
            negate(value, words)
        memcpy(self.columns.place(number), value, field.width)
        return 0

    cdef int _broken(self) except -1 nogil:
        with gil:
            raise ValueError("a row that is not as PostgreSQL's binary COPY has it")


cdef class CopyOut:
    """A COPY on a connection; see the stub."""

    cdef void* connection
    cdef Execute execute
    cdef GetCopyData get_copy_data
    cdef GetResult get_result
    cdef Release free_memory
    cdef Release clear
    cdef ResultStatus result_status
    cdef ErrorField error_field
    cdef ErrorMessage result_message
    cdef ErrorMessage connection_message
    cdef readonly bint is_open

    def __cinit__(self, size_t connection, functions):
        cdef size_t[9] found = functions
        self.connection = <void*>connection
        self.execute = <Execute>found[0]
        self.get_copy_data = <GetCopyData>found[1]
        self.get_result = <GetResult>found[2]
        self.free_memory = <Release>found[3]
        self.clear = <Release>found[4]
        self.result_status = <ResultStatus>found[5]
        self.error_field = <ErrorField>found[6]
        self.result_message = <ErrorMessage>found[7]
        self.connection_message = <ErrorMessage>found[8]

    def begin(self, bytes statement):
        cdef const char* text = statement
        cdef void* result
        with nogil:
            result = self.execute(self.connection, text)
        self._expect(result, COPY_OUT)
        self.is_open = True

    def fill(self, CopyRows rows not None):
        cdef int size
        with nogil:
            size = self._fill(rows)
        if size > 0:
            return True
        if size == -1:
            self._end()
            return False
        raise CopyError("", self.connection_message(self.connection).decode(errors="replace"))

    cdef int _fill(self, CopyRows rows) except? -3 nogil:
        """Rows until a batch is full; what libpq says of the statement's end."""
        cdef char* row
        cdef int size
        while not rows.columns.is_full():
            size = self.get_copy_data(self.connection, &row, 0)
            if size <= 0:
                return size
            try:
                rows._decode(<unsigned char*>row, <unsigned char*>row + size)
            finally:
                self.free_memory(row)
        return 1

    cdef _end(self):
        """What the server said last; nothing is open at the connection then."""
        cdef void* result
        with nogil:
            result = self.get_result(self.connection)
        self.is_open = False
        self._expect(result, COMMAND_OK)
        with nogil:
            result = self.get_result(self.connection)
        if result is not NULL:
            self.clear(result)
            raise CopyError("", "another result after the last one")

    cdef _expect(self, void* result, int status):
        cdef char* code = NULL
        try:
            if result is not NULL and self.result_status(result) == status:
                return
            message = self.result_message(result) if result is not NULL else self.connection_message(self.connection)
            if result is not NULL:
                code = self.error_field(result, SQLSTATE)
            raise CopyError(code.decode() if code is not NULL else "", message.decode(errors="replace"))
        finally:
            if result is not NULL:
                self.clear(result)
