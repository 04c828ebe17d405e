/* The kernel: takes every step of states by the tables of a program.

   It knows bits and tables, and no model. A Program holds the arrays that native.py
   has laid out; a Store holds the states, in the order in which they were found, and
   a hash table of their numbers. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAVE_PEXT 1
#else
#define HAVE_PEXT 0
#endif

#define MOST_WORDS 4   /* of a state */
#define MAX_WORDS 16   /* of a state and of what is computed of it first */
#define BATCH 64
#define INDEX UINT64_C(0x000000ffffffffff)
#define TAG (~INDEX)

typedef struct { uint32_t begin, end; } Gather;
typedef struct { uint64_t mask; uint32_t word, shift; } Segment;
typedef struct { uint32_t gather, values, word, offset; } First;
typedef struct { uint32_t gather, offsets, entries; } Cluster;
typedef struct { uint32_t command, difference; int32_t rest; } Entry;
typedef struct { uint32_t guards, changes, end; } Rest;
typedef struct { uint32_t gather, values; } Lookup;

#define N_ARRAYS 11

typedef struct {
    PyObject_HEAD
    uint32_t words, all_words, n_first, n_clusters, n_commands;
    const Gather *gathers;
    const Segment *segments;
    const First *first;
    const Cluster *clusters;
    const uint32_t *offsets;
    const Entry *entries;
    const Rest *rests;
    const Lookup *lookups;
    const uint8_t *truths;
    const uint32_t *numbers;
    const uint64_t *differences;
    Py_buffer views[N_ARRAYS];
    int n_views;
} Program;

typedef struct {
    PyObject_HEAD
    uint32_t words;
    uint64_t *states, count, room;
    uint64_t *table, slots;
} Store;

/* What pext does: the bits of the value under the mask, moved together. */
static inline uint64_t extract(uint64_t value, uint64_t mask)
{
    uint64_t found = 0;
    int at = 0;
    while (mask) {
        int low = __builtin_ctzll(mask);
        uint64_t gap = ~(mask >> low);
        int run = gap ? __builtin_ctzll(gap) : 64;
        uint64_t ones = run < 64 ? (UINT64_C(1) << run) - 1 : ~UINT64_C(0);
        found |= (value >> low & ones) << at;
        at += run;
        mask &= ~(ones << low);
    }
    return found;
}

#define JOIN2(a, b, c) a##_##b##_##c
#define JOIN(a, b, c) JOIN2(a, b, c)
#define NAME(f) JOIN(f, WAY, WORDS)

#define WAY plain
#define GATHER extract
#define WORDS 1
#include "expand.h"
#undef WORDS
#define WORDS 2
#include "expand.h"
#undef WORDS
#define WORDS 3
#include "expand.h"
#undef WORDS
#define WORDS 4
#include "expand.h"
#undef WORDS
#undef WAY
#undef GATHER

#if HAVE_PEXT
#pragma GCC push_options
#pragma GCC target("bmi2")
#define WAY pext
#define GATHER _pext_u64
#define WORDS 1
#include "expand.h"
#undef WORDS
#define WORDS 2
#include "expand.h"
#undef WORDS
#define WORDS 3
#include "expand.h"
#undef WORDS
#define WORDS 4
#include "expand.h"
#undef WORDS
#undef WAY
#undef GATHER
#pragma GCC pop_options
#endif

typedef struct {
    int (*expand)(Store *, const Program *, uint64_t, uint64_t, uint64_t *, int64_t *,
                  uint64_t *);
    int (*look)(Store *, const Program *, uint64_t, uint64_t, int64_t *);
    void (*origins)(const Store *, const Program *, uint64_t, uint64_t, const Store *,
                    const uint64_t *, int64_t *, uint64_t *, uint64_t *);
    int (*add)(Store *, const uint64_t *, uint64_t);
} Loops;

#define LOOPS(way, n) \
    { expand_##way##_##n, look_##way##_##n, origins_##way##_##n, add_##way##_##n }

static const Loops plain_loops[] = {
    LOOPS(plain, 1), LOOPS(plain, 2), LOOPS(plain, 3), LOOPS(plain, 4)};
#if HAVE_PEXT
static const Loops pext_loops[] = {
    LOOPS(pext, 1), LOOPS(pext, 2), LOOPS(pext, 3), LOOPS(pext, 4)};
#endif
static const Loops *loops = plain_loops;

/* Program */

static void Program_dealloc(Program *self)
{
    for (int i = 0; i < self->n_views; i++)
        PyBuffer_Release(&self->views[i]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *Program_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    PyObject *arrays[N_ARRAYS];
    unsigned int words, all_words, n_first, n_clusters, n_commands;
    if (!PyArg_ParseTuple(args, "IIIII(OOOOOOOOOOO)", &words, &all_words, &n_first,
                          &n_clusters, &n_commands, &arrays[0], &arrays[1], &arrays[2],
                          &arrays[3], &arrays[4], &arrays[5], &arrays[6], &arrays[7],
                          &arrays[8], &arrays[9], &arrays[10]))
        return NULL;
    if (words < 1 || words > MOST_WORDS || all_words < words || all_words > MAX_WORDS) {
        PyErr_SetString(PyExc_ValueError, "states of too many words");
        return NULL;
    }
    Program *self = (Program *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->words = words;
    self->all_words = all_words;
    self->n_first = n_first;
    self->n_clusters = n_clusters;
    self->n_commands = n_commands;
    for (int i = 0; i < N_ARRAYS; i++) {
        if (PyObject_GetBuffer(arrays[i], &self->views[i], PyBUF_SIMPLE)) {
            Py_DECREF(self);
            return NULL;
        }
        self->n_views = i + 1;
    }
    self->gathers = self->views[0].buf;
    self->segments = self->views[1].buf;
    self->first = self->views[2].buf;
    self->clusters = self->views[3].buf;
    self->offsets = self->views[4].buf;
    self->entries = self->views[5].buf;
    self->rests = self->views[6].buf;
    self->lookups = self->views[7].buf;
    self->truths = self->views[8].buf;
    self->numbers = self->views[9].buf;
    self->differences = self->views[10].buf;
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
    if (!PyArg_ParseTuple(args, "I", &words))
        return NULL;
    if (words < 1 || words > MOST_WORDS) {
        PyErr_SetString(PyExc_ValueError, "states of too many words");
        return NULL;
    }
    Store *self = (Store *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->words = words;
    self->room = 1024;
    self->slots = 2048;
    self->states = malloc(self->room * words * sizeof *self->states);
    self->table = calloc(self->slots, sizeof *self->table);
    if (!self->states || !self->table) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static PyObject *Store_add(Store *self, PyObject *arg)
{
    Py_buffer view;
    if (PyObject_GetBuffer(arg, &view, PyBUF_SIMPLE))
        return NULL;
    uint64_t n = (uint64_t)view.len / (self->words * sizeof(uint64_t));
    int failed = loops[self->words - 1].add(self, view.buf, n);
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
        int failed;
        Py_BEGIN_ALLOW_THREADS
        failed = loops[self->words - 1].expand(self, program, begin, end, taken.buf,
                                               stuck.buf, &n_stuck);
        Py_END_ALLOW_THREADS
        result = failed ? PyErr_NoMemory() : PyLong_FromUnsignedLongLong(n_stuck);
    }
    PyBuffer_Release(&taken);
    PyBuffer_Release(&stuck);
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
    loops[self->words - 1].look(self, program, begin, end, hits.buf);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&hits);
    Py_RETURN_NONE;
}

static PyTypeObject StoreType;

static PyObject *Store_origins(Store *self, PyObject *args)
{
    Program *program;
    Store *goal;
    unsigned long long begin, end;
    Py_buffer marks, found, marked;
    if (!PyArg_ParseTuple(args, "O!KKO!y*w*w*", &ProgramType, &program, &begin, &end,
                          &StoreType, &goal, &marks, &found, &marked))
        return NULL;
    PyObject *result = NULL;
    uint64_t n = 0;
    if (begin > end || end > self->count || program->words != self->words ||
        goal->words != self->words ||
        (uint64_t)marks.len < goal->count * sizeof(uint64_t) ||
        (uint64_t)found.len < (end - begin) * sizeof(int64_t) ||
        (uint64_t)marked.len < (end - begin) * sizeof(uint64_t)) {
        PyErr_SetString(PyExc_ValueError, "no such states, or no room for what is told");
    } else {
        Py_BEGIN_ALLOW_THREADS
        loops[self->words - 1].origins(self, program, begin, end, goal, marks.buf,
                                       found.buf, marked.buf, &n);
        Py_END_ALLOW_THREADS
        result = PyLong_FromUnsignedLongLong(n);
    }
    PyBuffer_Release(&marks);
    PyBuffer_Release(&found);
    PyBuffer_Release(&marked);
    return result;
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
    return PyBytes_FromStringAndSize(
        (const char *)(self->states + begin * self->words),
        (Py_ssize_t)((end - begin) * self->words * sizeof(uint64_t)));
}

static Py_ssize_t Store_len(Store *self)
{
    return (Py_ssize_t)self->count;
}

static PyObject *Store_nbytes(Store *self, void *closure)
{
    return PyLong_FromUnsignedLongLong(
        self->room * self->words * sizeof *self->states +
        self->slots * sizeof *self->table);
}

static PyMethodDef Store_methods[] = {
    {"add", (PyCFunction)Store_add, METH_O, "Add states, those that are new."},
    {"expand", (PyCFunction)Store_expand, METH_VARARGS,
     "Take every step from some states; the number of those that have none."},
    {"look", (PyCFunction)Store_look, METH_VARARGS,
     "Note for each command the first state in which it is possible."},
    {"origins", (PyCFunction)Store_origins, METH_VARARGS,
     "The states from which a step leads to one of another store."},
    {"states", (PyCFunction)Store_states, METH_VARARGS, "States by their numbers."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef Store_getset[] = {
    {"nbytes", (getter)Store_nbytes, NULL, "Bytes of memory in use.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PySequenceMethods Store_sequence = {.sq_length = (lenfunc)Store_len};

static PyTypeObject StoreType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "kernel.Store",
    .tp_doc = "States, in the order in which they were found.",
    .tp_basicsize = sizeof(Store),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = Store_new,
    .tp_dealloc = (destructor)Store_dealloc,
    .tp_methods = Store_methods,
    .tp_getset = Store_getset,
    .tp_as_sequence = &Store_sequence,
};

/* Gather bits by the processor's own instruction, where it has one, or without it. */
static PyObject *use_pext(PyObject *module, PyObject *wanted)
{
    int use = PyObject_IsTrue(wanted);
    if (use < 0)
        return NULL;
    loops = plain_loops;
#if HAVE_PEXT
    __builtin_cpu_init();
    if (use && __builtin_cpu_supports("bmi2"))
        loops = pext_loops;
#endif
    return PyBool_FromLong(loops != plain_loops);
}

static PyMethodDef functions[] = {
    {"use_pext", use_pext, METH_O, "Whether bits are gathered by pext from now on."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "kernel", "Every step of many states, by tables.", -1,
    functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_kernel(void)
{
    Py_XDECREF(use_pext(NULL, Py_True));
    PyObject *made = PyModule_Create(&module);
    if (!made || PyModule_AddType(made, &ProgramType) ||
        PyModule_AddType(made, &StoreType)) {
        Py_XDECREF(made);
        return NULL;
    }
    return made;
}
