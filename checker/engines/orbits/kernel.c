/* The kernel of the orbit search: every step of canonical states, by tables.

   It knows bits, columns and tables, and no model. A Program holds the tables that
   program.py has laid out. A Store knows where the columns of interchangeable elements
   lie, and holds canonical states, whose columns are in ascending order, as they were
   found; and a hash table, of the states themselves where they are one word, of their
   numbers where they are more. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include "loops.h"

static int use_pext;

#define BY_WIDTH(call, pext)                                                           \
    switch (self->words) {                                                             \
    case 1: call(1, pext); break;                                                      \
    case 2: call(2, pext); break;                                                      \
    case 3: call(3, pext); break;                                                      \
    default: call(4, pext);                                                            \
    }
#define BY_WAY(call)                                                                   \
    if (use_pext)                                                                      \
        BY_WIDTH(call, 1)                                                              \
    else                                                                               \
        BY_WIDTH(call, 0)

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
            for (uint32_t i = self->classes[k].begin; i < self->classes[k].end; i++) {
                self->order *= i - self->classes[k].begin + 1;
                self->class_of[i] = (uint32_t)k;
            }
        self->room = 1024;
        self->states = malloc(self->room * words * sizeof *self->states);
        if (!self->states || rehash(self, 2048)) {
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
#define CALL(W, pext) failed = add_in(self, view.buf, n, W)
    BY_WIDTH(CALL, 0)
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
#define CALL(W, pext)                                                                  \
    failed = expand_in(self, program, begin, end, taken.buf, stuck.buf, &n_stuck, W,   \
                       pext)
        BY_WAY(CALL)
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
#define CALL(W, pext)                                                                  \
    origins_in(self, program, begin, end, goal, found.buf, &n, W, pext)
        BY_WAY(CALL)
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
#define CALL(W, pext) look_in(self, program, begin, end, hits.buf, W, pext)
    BY_WAY(CALL)
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

/* Gather bits by the processor's own instruction, where it has one, or without it. */
static PyObject *wish_pext(PyObject *module, PyObject *wanted)
{
    int wish = PyObject_IsTrue(wanted);
    if (wish < 0)
        return NULL;
    use_pext = wish && HAVE_PEXT;
    return PyBool_FromLong(use_pext);
}

static PyMethodDef functions[] = {
    {"use_pext", wish_pext, METH_O, "Whether bits are gathered by pext from now on."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "kernel", "Every step of canonical states, by tables.", -1,
    functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_kernel(void)
{
    Py_XDECREF(wish_pext(NULL, Py_True));
    PyObject *made = PyModule_Create(&module);
    if (!made || PyModule_AddType(made, &ProgramType) ||
        PyModule_AddType(made, &StoreType)) {
        Py_XDECREF(made);
        return NULL;
    }
    return made;
}
