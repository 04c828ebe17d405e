/* The kernel of the orbit search: every step of canonical states, by tables.

   It knows bits, columns and tables, and no model. A Shape says where the columns of
   interchangeable elements lie; a Program holds the tables that native.py has laid
   out; a Store holds canonical states, in the order in which they were found, and a
   hash table of their numbers. A canonical state has its columns in ascending order. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_WORDS 4
#define MOST_ALL_WORDS 16
#define MOST_COLUMNS 64
#define BATCH 64
#define INDEX UINT64_C(0x000000ffffffffff)
#define TAG (~INDEX)
#define INLINE static inline __attribute__((always_inline))

typedef struct { uint64_t mask; uint32_t word, offset; } Column;
typedef struct { uint32_t begin, end; } Range;
typedef struct { uint64_t mask; uint32_t word, offset, shift, unused; } Segment;
typedef struct { uint32_t gather, values, word, offset; } First;
typedef struct { uint32_t gather, offsets, entries; } Cluster;
typedef struct { uint32_t command, difference; int32_t rest; } Entry;
typedef struct { uint32_t guards, changes, end; } Rest;
typedef struct { uint32_t gather, values; } Lookup;
typedef struct { Range columns, first, clusters; } Group;

#define N_ARRAYS 12

typedef struct {
    PyObject_HEAD
    uint32_t words, n_groups, n_commands;
    const Group *groups;
    const uint32_t *columns;
    const Range *gathers;
    const Segment *segments;
    const First *first;
    const Cluster *clusters;
    const uint32_t *offsets;
    const Entry *entries;
    const Rest *rests;
    const Lookup *lookups;
    const uint32_t *numbers;
    const uint64_t *differences;
    Py_buffer views[N_ARRAYS];
    int n_views;
} Program;

typedef struct {
    PyObject_HEAD
    uint32_t words, n_columns, n_classes;
    Column columns[MOST_COLUMNS];
    Range classes[MOST_COLUMNS];
    uint64_t order;
    uint64_t *states, count, room;
    uint64_t *table, slots;
} Store;

/* Columns */

INLINE uint64_t column_of(const Column *c, const uint64_t *x)
{
    return x[c->word] >> c->offset & c->mask;
}

/* Put the columns of each class in ascending order. */
INLINE void sort_columns(const Store *s, uint64_t *x)
{
    uint64_t held[MOST_COLUMNS];
    for (uint32_t k = 0; k < s->n_classes; k++) {
        const Column *of = s->columns + s->classes[k].begin;
        int n = (int)(s->classes[k].end - s->classes[k].begin), moved = 0;
        for (int i = 0; i < n; i++) {
            uint64_t value = column_of(of + i, x);
            int at = i;
            while (at > 0 && held[at - 1] > value) {
                held[at] = held[at - 1];
                at--;
                moved = 1;
            }
            held[at] = value;
        }
        if (!moved)
            continue;
        for (int i = 0; i < n; i++) {
            x[of[i].word] &= ~(of[i].mask << of[i].offset);
            x[of[i].word] |= held[i] << of[i].offset;
        }
    }
}

/* How many columns are the same from each on, 0 where the one before is the same; the
   number of states that a canonical state stands for. */
INLINE uint64_t runs_of(const Store *s, const uint64_t *x, uint32_t *runs)
{
    uint64_t alike = 1;
    for (uint32_t k = 0; k < s->n_classes; k++) {
        uint32_t first = s->classes[k].begin;
        uint64_t before = column_of(s->columns + first, x);
        runs[first] = 1;
        for (uint32_t i = first + 1; i < s->classes[k].end; i++) {
            uint64_t value = column_of(s->columns + i, x);
            if (value == before) {
                runs[i] = 0;
                alike *= ++runs[first];
            } else {
                runs[first = i] = 1;
                before = value;
            }
        }
    }
    return s->order / alike;
}

/* Tables */

INLINE uint32_t gather(const Program *p, uint32_t number, const uint64_t *x)
{
    const Range *g = &p->gathers[number];
    uint64_t index = 0;
    for (uint32_t i = g->begin; i < g->end; i++) {
        const Segment *s = &p->segments[i];
        index |= (x[s->word] >> s->offset & s->mask) << s->shift;
    }
    return (uint32_t)index;
}

/* Fill in what a group computes of a state first. */
INLINE void prepare(const Program *p, const Group *g, uint64_t *x)
{
    if (g->first.begin == g->first.end)
        return;
    for (uint32_t w = p->words; w < MOST_ALL_WORDS; w++)
        x[w] = 0;
    for (uint32_t i = g->first.begin; i < g->first.end; i++) {
        const First *f = &p->first[i];
        uint64_t value = p->numbers[f->values + gather(p, f->gather, x)];
        x[f->word] |= value << f->offset;
    }
}

INLINE int passes(const Program *p, const Entry *entry, const uint64_t *x)
{
    if (entry->rest < 0)
        return 1;
    const Rest *rest = &p->rests[entry->rest];
    for (uint32_t i = rest->guards; i < rest->changes; i++) {
        const Lookup *l = &p->lookups[i];
        if (!p->numbers[l->values + gather(p, l->gather, x)])
            return 0;
    }
    return 1;
}

INLINE void after(const Program *p, const Entry *entry, const uint64_t *x,
                  uint64_t *key, const uint32_t W)
{
    const uint64_t *flips = p->differences + (uint64_t)entry->difference * W;
    for (uint32_t w = 0; w < W; w++)
        key[w] = x[w] ^ flips[w];
    if (entry->rest < 0)
        return;
    const Rest *rest = &p->rests[entry->rest];
    for (uint32_t i = rest->changes; i < rest->end; i++) {
        const Lookup *l = &p->lookups[i];
        uint64_t number = p->numbers[l->values + gather(p, l->gather, x)];
        for (uint32_t w = 0; w < W; w++)
            key[w] ^= p->differences[number * W + w];
    }
}

/* For how many elements the group's commands stand in this state; 0: for none. */
INLINE uint64_t stands_for(const Program *p, const Group *g, const uint32_t *runs)
{
    uint64_t times = 1;
    for (uint32_t i = g->columns.begin; i < g->columns.end; i++)
        times *= runs[p->columns[i]];
    return times;
}

/* States */

INLINE uint64_t hash(const uint64_t *key, const uint32_t W)
{
    uint64_t h = key[0] * 0x9e3779b97f4a7c15u;
    for (uint32_t w = 1; w < W; w++) {
        h ^= h >> 32;
        h = (h + key[w]) * 0xd6e8feb86659fd93u;
    }
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

INLINE int same(const uint64_t *a, const uint64_t *b, const uint32_t W)
{
    for (uint32_t w = 0; w < W; w++)
        if (a[w] != b[w])
            return 0;
    return 1;
}

/* The number of the state, counted from 1; 0 if it is not in the store. */
INLINE uint64_t find(const Store *s, const uint64_t *key, const uint32_t W)
{
    uint64_t h = hash(key, W), at = h & (s->slots - 1), entry;
    while ((entry = s->table[at])) {
        if ((entry & TAG) == (h & TAG) &&
            same(s->states + ((entry & INDEX) - 1) * W, key, W))
            return entry & INDEX;
        at = (at + 1) & (s->slots - 1);
    }
    return 0;
}

static int rehash(Store *s, uint64_t slots)
{
    uint64_t *table = calloc(slots, sizeof *table);
    if (!table)
        return -1;
    for (uint64_t n = 0; n < s->count; n++) {
        uint64_t h = hash(s->states + n * s->words, s->words);
        uint64_t at = h & (slots - 1);
        while (table[at])
            at = (at + 1) & (slots - 1);
        table[at] = (h & TAG) | (n + 1);
    }
    free(s->table);
    s->table = table;
    s->slots = slots;
    return 0;
}

/* Add a canonical state if it is new. -1 where memory ends. */
INLINE int insert(Store *s, const uint64_t *key, uint64_t h, const uint32_t W)
{
    uint64_t at = h & (s->slots - 1), entry;
    while ((entry = s->table[at])) {
        if ((entry & TAG) == (h & TAG) &&
            same(s->states + ((entry & INDEX) - 1) * W, key, W))
            return 0;
        at = (at + 1) & (s->slots - 1);
    }
    if (s->count == s->room) {
        uint64_t room = s->room + s->room / 2;
        uint64_t *states = realloc(s->states, room * W * sizeof *states);
        if (!states)
            return -1;
        s->states = states;
        s->room = room;
    }
    for (uint32_t w = 0; w < W; w++)
        s->states[s->count * W + w] = key[w];
    s->count++;
    s->table[at] = (h & TAG) | s->count;
    if (s->count > s->slots / 2)
        return rehash(s, s->slots * 2);
    return 0;
}

/* Insert a batch; what it will touch is fetched first. */
INLINE int flush(Store *s, uint64_t *keys, uint32_t n, const uint32_t W)
{
    uint64_t hashes[BATCH];
    for (uint32_t i = 0; i < n; i++) {
        sort_columns(s, keys + i * W);
        hashes[i] = hash(keys + i * W, W);
        __builtin_prefetch(&s->table[hashes[i] & (s->slots - 1)], 1);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t entry = s->table[hashes[i] & (s->slots - 1)];
        if (entry)
            __builtin_prefetch(s->states + ((entry & INDEX) - 1) * W);
    }
    for (uint32_t i = 0; i < n; i++)
        if (insert(s, keys + i * W, hashes[i], W))
            return -1;
    return 0;
}

/* Loops over states, for states of one width. */

INLINE int expand_in(Store *s, const Program *p, uint64_t begin, uint64_t end,
                     uint64_t *taken, int64_t *stuck, uint64_t *n_stuck,
                     const uint32_t W)
{
    uint64_t x[MOST_ALL_WORDS], keys[BATCH * MOST_WORDS];
    uint32_t n = 0, runs[MOST_COLUMNS];
    for (uint64_t at = begin; at < end; at++) {
        int moves = 0;
        for (uint32_t w = 0; w < W; w++)
            x[w] = s->states[at * W + w];
        uint64_t size = runs_of(s, x, runs);
        for (uint32_t i = 0; i < p->n_groups; i++) {
            const Group *g = &p->groups[i];
            uint64_t times = stands_for(p, g, runs);
            if (!times)
                continue;
            times *= size;
            prepare(p, g, x);
            for (uint32_t c = g->clusters.begin; c < g->clusters.end; c++) {
                const Cluster *cluster = &p->clusters[c];
                uint32_t row = cluster->offsets + gather(p, cluster->gather, x);
                for (uint32_t e = p->offsets[row]; e < p->offsets[row + 1]; e++) {
                    const Entry *entry = &p->entries[cluster->entries + e];
                    if (!passes(p, entry, x))
                        continue;
                    after(p, entry, x, keys + n * W, W);
                    taken[entry->command] += times;
                    moves = 1;
                    if (++n == BATCH) {
                        if (flush(s, keys, n, W))
                            return -1;
                        n = 0;
                    }
                }
            }
        }
        if (!moves)
            stuck[(*n_stuck)++] = (int64_t)at;
    }
    return flush(s, keys, n, W);
}

INLINE void origins_in(const Store *s, const Program *p, uint64_t begin, uint64_t end,
                       const Store *goal, int64_t *found, uint64_t *n_found,
                       const uint32_t W)
{
    uint64_t x[MOST_ALL_WORDS], key[MOST_WORDS];
    uint32_t runs[MOST_COLUMNS];
    for (uint64_t at = begin; at < end; at++) {
        int leads = 0;
        for (uint32_t w = 0; w < W; w++)
            x[w] = s->states[at * W + w];
        runs_of(s, x, runs);
        for (uint32_t i = 0; i < p->n_groups && !leads; i++) {
            const Group *g = &p->groups[i];
            if (!stands_for(p, g, runs))
                continue;
            prepare(p, g, x);
            for (uint32_t c = g->clusters.begin; c < g->clusters.end && !leads; c++) {
                const Cluster *cluster = &p->clusters[c];
                uint32_t row = cluster->offsets + gather(p, cluster->gather, x);
                for (uint32_t e = p->offsets[row]; e < p->offsets[row + 1]; e++) {
                    const Entry *entry = &p->entries[cluster->entries + e];
                    if (!passes(p, entry, x))
                        continue;
                    after(p, entry, x, key, W);
                    sort_columns(goal, key);
                    if ((leads = find(goal, key, W) != 0))
                        break;
                }
            }
        }
        if (leads)
            found[(*n_found)++] = (int64_t)at;
    }
}

/* For each command the first state in which it is possible, where none is known. */
INLINE void look_in(const Store *s, const Program *p, uint64_t begin, uint64_t end,
                    int64_t *hits, const uint32_t W)
{
    uint64_t x[MOST_ALL_WORDS];
    for (uint64_t at = begin; at < end; at++) {
        for (uint32_t w = 0; w < W; w++)
            x[w] = s->states[at * W + w];
        for (uint32_t i = 0; i < p->n_groups; i++) {
            const Group *g = &p->groups[i];
            prepare(p, g, x);
            for (uint32_t c = g->clusters.begin; c < g->clusters.end; c++) {
                const Cluster *cluster = &p->clusters[c];
                uint32_t row = cluster->offsets + gather(p, cluster->gather, x);
                for (uint32_t e = p->offsets[row]; e < p->offsets[row + 1]; e++) {
                    const Entry *entry = &p->entries[cluster->entries + e];
                    if (hits[entry->command] < 0 && passes(p, entry, x))
                        hits[entry->command] = (int64_t)at;
                }
            }
        }
    }
}

INLINE int add_in(Store *s, const uint64_t *states, uint64_t n, const uint32_t W)
{
    uint64_t key[MOST_WORDS];
    for (uint64_t i = 0; i < n; i++) {
        for (uint32_t w = 0; w < W; w++)
            key[w] = states[i * W + w];
        if (flush(s, key, 1, W))
            return -1;
    }
    return 0;
}

#define BY_WIDTH(call)                                                                 \
    switch (self->words) {                                                             \
    case 1: call(1); break;                                                            \
    case 2: call(2); break;                                                            \
    case 3: call(3); break;                                                            \
    default: call(4);                                                                  \
    }

/* Program */

static void Program_dealloc(Program *self)
{
    for (int i = 0; i < self->n_views; i++)
        PyBuffer_Release(&self->views[i]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *Program_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    PyObject *arrays;
    unsigned int words, all_words, n_commands;
    if (!PyArg_ParseTuple(args, "IIIO!", &words, &all_words, &n_commands, &PyTuple_Type,
                          &arrays))
        return NULL;
    if (words < 1 || words > MOST_WORDS || all_words > MOST_ALL_WORDS ||
        PyTuple_GET_SIZE(arrays) != N_ARRAYS) {
        PyErr_SetString(PyExc_ValueError, "not the tables of a program");
        return NULL;
    }
    Program *self = (Program *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->words = words;
    self->n_commands = n_commands;
    for (int i = 0; i < N_ARRAYS; i++) {
        if (PyObject_GetBuffer(PyTuple_GET_ITEM(arrays, i), &self->views[i],
                               PyBUF_SIMPLE)) {
            Py_DECREF(self);
            return NULL;
        }
        self->n_views = i + 1;
    }
    self->n_groups = (uint32_t)((size_t)self->views[0].len / sizeof(Group));
    self->groups = self->views[0].buf;
    self->columns = self->views[1].buf;
    self->gathers = self->views[2].buf;
    self->segments = self->views[3].buf;
    self->first = self->views[4].buf;
    self->clusters = self->views[5].buf;
    self->offsets = self->views[6].buf;
    self->entries = self->views[7].buf;
    self->rests = self->views[8].buf;
    self->lookups = self->views[9].buf;
    self->numbers = self->views[10].buf;
    self->differences = self->views[11].buf;
    return (PyObject *)self;
}

static PyTypeObject ProgramType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "kernel.Program",
    .tp_doc = "The tables of a program.",
    .tp_basicsize = sizeof(Program),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = Program_new,
    .tp_dealloc = (destructor)Program_dealloc,
};

/* Store */

static void Store_dealloc(Store *self)
{
    free(self->states);
    free(self->table);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *Store_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    unsigned int words;
    Py_buffer columns, classes;
    if (!PyArg_ParseTuple(args, "Iy*y*", &words, &columns, &classes))
        return NULL;
    size_t n_columns = (size_t)columns.len / sizeof(Column);
    size_t n_classes = (size_t)classes.len / sizeof(Range);
    Store *self = NULL;
    if (words < 1 || words > MOST_WORDS || n_columns > MOST_COLUMNS ||
        n_classes > n_columns) {
        PyErr_SetString(PyExc_ValueError, "states of too many words or columns");
    } else if ((self = (Store *)type->tp_alloc(type, 0))) {
        self->words = words;
        self->n_columns = (uint32_t)n_columns;
        self->n_classes = (uint32_t)n_classes;
        memcpy(self->columns, columns.buf, n_columns * sizeof(Column));
        memcpy(self->classes, classes.buf, n_classes * sizeof(Range));
        self->order = 1;
        for (size_t k = 0; k < n_classes; k++)
            for (uint64_t i = self->classes[k].begin; i < self->classes[k].end; i++)
                self->order *= i - self->classes[k].begin + 1;
        self->room = 1024;
        self->slots = 2048;
        self->states = malloc(self->room * words * sizeof *self->states);
        self->table = calloc(self->slots, sizeof *self->table);
        if (!self->states || !self->table) {
            Py_CLEAR(self);
            PyErr_NoMemory();
        }
    }
    PyBuffer_Release(&columns);
    PyBuffer_Release(&classes);
    return (PyObject *)self;
}

static PyObject *Store_add(Store *self, PyObject *arg)
{
    Py_buffer view;
    if (PyObject_GetBuffer(arg, &view, PyBUF_SIMPLE))
        return NULL;
    uint64_t n = (uint64_t)view.len / (self->words * sizeof(uint64_t));
    int failed = 0;
#define CALL(W) failed = add_in(self, view.buf, n, W)
    BY_WIDTH(CALL)
#undef CALL
    PyBuffer_Release(&view);
    if (failed)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *Store_expand(Store *self, PyObject *args)
{
    Program *program;
    unsigned long long begin, end;
    Py_buffer taken, stuck;
    if (!PyArg_ParseTuple(args, "O!KKw*w*", &ProgramType, &program, &begin, &end, &taken,
                          &stuck))
        return NULL;
    PyObject *result = NULL;
    uint64_t n_stuck = 0;
    if (begin > end || end > self->count || program->words != self->words ||
        (uint64_t)taken.len < program->n_commands * sizeof(uint64_t) ||
        (uint64_t)stuck.len < (end - begin) * sizeof(int64_t)) {
        PyErr_SetString(PyExc_ValueError, "no such states, or no room for what is told");
    } else {
        int failed = 0;
        Py_BEGIN_ALLOW_THREADS
#define CALL(W)                                                                        \
    failed = expand_in(self, program, begin, end, taken.buf, stuck.buf, &n_stuck, W)
        BY_WIDTH(CALL)
#undef CALL
        Py_END_ALLOW_THREADS
        result = failed ? PyErr_NoMemory() : PyLong_FromUnsignedLongLong(n_stuck);
    }
    PyBuffer_Release(&taken);
    PyBuffer_Release(&stuck);
    return result;
}

static PyTypeObject StoreType;

static PyObject *Store_origins(Store *self, PyObject *args)
{
    Program *program;
    Store *goal;
    unsigned long long begin, end;
    Py_buffer found;
    if (!PyArg_ParseTuple(args, "O!KKO!w*", &ProgramType, &program, &begin, &end,
                          &StoreType, &goal, &found))
        return NULL;
    PyObject *result = NULL;
    uint64_t n = 0;
    if (begin > end || end > self->count || program->words != self->words ||
        goal->words != self->words ||
        (uint64_t)found.len < (end - begin) * sizeof(int64_t)) {
        PyErr_SetString(PyExc_ValueError, "no such states, or no room for what is told");
    } else {
        Py_BEGIN_ALLOW_THREADS
#define CALL(W) origins_in(self, program, begin, end, goal, found.buf, &n, W)
        BY_WIDTH(CALL)
#undef CALL
        Py_END_ALLOW_THREADS
        result = PyLong_FromUnsignedLongLong(n);
    }
    PyBuffer_Release(&found);
    return result;
}

static PyObject *Store_look(Store *self, PyObject *args)
{
    Program *program;
    unsigned long long begin, end;
    Py_buffer hits;
    if (!PyArg_ParseTuple(args, "O!KKw*", &ProgramType, &program, &begin, &end, &hits))
        return NULL;
    if (begin > end || end > self->count || program->words != self->words ||
        (uint64_t)hits.len < program->n_commands * sizeof(int64_t)) {
        PyBuffer_Release(&hits);
        PyErr_SetString(PyExc_ValueError, "no such states, or no room for what is told");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
#define CALL(W) look_in(self, program, begin, end, hits.buf, W)
    BY_WIDTH(CALL)
#undef CALL
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&hits);
    Py_RETURN_NONE;
}

static PyObject *Store_size(Store *self, PyObject *args)
{
    unsigned long long begin, end, total = 0;
    uint32_t runs[MOST_COLUMNS];
    if (!PyArg_ParseTuple(args, "KK", &begin, &end))
        return NULL;
    if (begin > end || end > self->count) {
        PyErr_SetString(PyExc_ValueError, "no such states");
        return NULL;
    }
    for (uint64_t at = begin; at < end; at++)
        total += runs_of(self, self->states + at * self->words, runs);
    return PyLong_FromUnsignedLongLong(total);
}

static PyObject *Store_states(Store *self, PyObject *args)
{
    unsigned long long begin, end;
    if (!PyArg_ParseTuple(args, "KK", &begin, &end))
        return NULL;
    if (begin > end || end > self->count) {
        PyErr_SetString(PyExc_ValueError, "no such states");
        return NULL;
    }
    size_t state = self->words * sizeof *self->states;
    return PyBytes_FromStringAndSize((const char *)(self->states + begin * self->words),
                                     (Py_ssize_t)((end - begin) * state));
}

static Py_ssize_t Store_len(Store *self)
{
    return (Py_ssize_t)self->count;
}

static PyMethodDef Store_methods[] = {
    {"add", (PyCFunction)Store_add, METH_O, "Add states, those that are new."},
    {"expand", (PyCFunction)Store_expand, METH_VARARGS,
     "Take every step from some states; the number of those that have none."},
    {"look", (PyCFunction)Store_look, METH_VARARGS,
     "Note for each command the first state in which it is possible."},
    {"origins", (PyCFunction)Store_origins, METH_VARARGS,
     "The states from which a step leads to one of another store."},
    {"size", (PyCFunction)Store_size, METH_VARARGS, "How many some states stand for."},
    {"states", (PyCFunction)Store_states, METH_VARARGS, "States by their numbers."},
    {NULL, NULL, 0, NULL},
};

static PySequenceMethods Store_sequence = {.sq_length = (lenfunc)Store_len};

static PyTypeObject StoreType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "kernel.Store",
    .tp_doc = "Canonical states, in the order in which they were found.",
    .tp_basicsize = sizeof(Store),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = Store_new,
    .tp_dealloc = (destructor)Store_dealloc,
    .tp_methods = Store_methods,
    .tp_as_sequence = &Store_sequence,
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "kernel", "Every step of canonical states, by tables.", -1,
    NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_kernel(void)
{
    PyObject *made = PyModule_Create(&module);
    if (!made || PyModule_AddType(made, &ProgramType) ||
        PyModule_AddType(made, &StoreType)) {
        Py_XDECREF(made);
        return NULL;
    }
    return made;
}
