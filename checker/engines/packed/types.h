/* The Python type of what was visited, and the functions that read a program. */

static void Visited_dealloc(Visited *self)
{
    give_back(self->pages, self->size);
    for (int i = 0; i < self->split.n_views; i++)
        PyBuffer_Release(&self->split.views[i]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static uint64_t most_of(uint64_t slots)
{
    return slots - slots / 4;
}

/* Visited(words, slots): a hash table of so many cells.
   Visited(words, bits, parts, (arrays)): a bit for each state of a split. */
static PyObject *Visited_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    unsigned int words, n_parts = 0;
    unsigned long long slots;
    PyObject *arrays[N_SPLIT] = {NULL};
    if (!PyArg_ParseTuple(args, "IK|I(OOOOOOOOOOO)", &words, &slots, &n_parts,
                          &arrays[0], &arrays[1], &arrays[2], &arrays[3], &arrays[4],
                          &arrays[5], &arrays[6], &arrays[7], &arrays[8], &arrays[9],
                          &arrays[10]))
        return NULL;
    if (words < 1 || words > MOST_WORDS || slots < 1 || slots > NOWHERE ||
        n_parts > MOST_PARTS) {
        PyErr_SetString(PyExc_ValueError, "states of too many words, or too many");
        return NULL;
    }
    Visited *self = (Visited *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->words = words;
    self->slots = slots;
    self->bits = arrays[0] != NULL;
    self->most = self->bits ? UINT64_MAX / 2 : most_of(slots);
    for (int i = 0; self->bits && i < N_SPLIT; i++) {
        if (PyObject_GetBuffer(arrays[i], &self->split.views[i], PyBUF_SIMPLE)) {
            Py_DECREF(self);
            return NULL;
        }
        self->split.n_views = i + 1;
    }
    if (self->bits) {
        self->split.n_parts = n_parts;
        self->split.gathers = self->split.views[0].buf;
        self->split.segments = self->split.views[1].buf;
        self->split.roots = self->split.views[2].buf;
        self->split.parts = self->split.views[3].buf;
        self->split.changes = self->split.views[4].buf;
        self->split.rows = self->split.views[5].buf;
        self->split.lengths = self->split.views[6].buf;
        self->split.leads = self->split.views[7].buf;
        self->split.flips = self->split.views[8].buf;
        self->split.begins = self->split.views[9].buf;
        self->split.alive = self->split.views[10].buf;
        self->split.n_kinds =
            (uint32_t)((size_t)self->split.views[6].len / sizeof(uint32_t));
    }
    uint64_t size = self->bits ? (slots + 63) / 64 : slots * words;
    self->cells = zeros(size, &self->pages, &self->size);
    if (!self->cells) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

/* What an inner loop has found: how far it came, and the new states. */
static PyObject *told(int failed, uint64_t done, uint64_t n_stuck, Fresh *fresh,
                      uint32_t words)
{
    PyObject *result = NULL;
    if (failed == -1)
        PyErr_NoMemory();
    else if (failed)
        PyErr_SetString(PyExc_AssertionError, "a split has no place for a state");
    else
        result = Py_BuildValue(
            "KKy#", (unsigned long long)done, (unsigned long long)n_stuck,
            fresh->rows ? (const char *)fresh->rows : "",
            (Py_ssize_t)(fresh->count * words * sizeof(uint64_t)));
    free(fresh->rows);
    return result;
}

static PyObject *Visited_add(Visited *self, PyObject *arg)
{
    Py_buffer view;
    if (PyObject_GetBuffer(arg, &view, PyBUF_SIMPLE))
        return NULL;
    uint64_t n = (uint64_t)view.len / (self->words * sizeof(uint64_t)), done = 0;
    Fresh fresh = {0};
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = loops[self->words - 1].add(self, view.buf, n, &done, &fresh);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    return told(failed, done, 0, &fresh, self->words);
}

static PyObject *Visited_expand(Visited *self, PyObject *args)
{
    Program *program;
    Py_buffer states, taken, stuck;
    if (!PyArg_ParseTuple(args, "O!y*w*w*", &ProgramType, &program, &states, &taken,
                          &stuck))
        return NULL;
    PyObject *result = NULL;
    uint64_t n = (uint64_t)states.len / (self->words * sizeof(uint64_t));
    if (program->words != self->words ||
        (uint64_t)taken.len <
            (program->n_commands + self->split.n_kinds) * sizeof(uint64_t) ||
        (uint64_t)stuck.len < n * sizeof(int64_t)) {
        PyErr_SetString(PyExc_ValueError, "no room for what is told");
    } else {
        uint64_t done = 0, n_stuck = 0;
        Fresh fresh = {0};
        int failed;
        Py_BEGIN_ALLOW_THREADS
        failed = loops[self->words - 1].expand(self, program, states.buf, n, &done,
                                               taken.buf, stuck.buf, &n_stuck, &fresh);
        Py_END_ALLOW_THREADS
        result = told(failed, done, n_stuck, &fresh, self->words);
    }
    PyBuffer_Release(&states);
    PyBuffer_Release(&taken);
    PyBuffer_Release(&stuck);
    return result;
}

/* Grow a table to so many cells. Nobody may use it meanwhile. */
static PyObject *Visited_grow(Visited *self, PyObject *arg)
{
    unsigned long long slots = PyLong_AsUnsignedLongLong(arg);
    if (PyErr_Occurred())
        return NULL;
    if (self->bits || slots <= self->slots || slots > NOWHERE) {
        PyErr_SetString(PyExc_ValueError, "it cannot grow to this");
        return NULL;
    }
    Visited old = *self;
    uint64_t *cells = zeros(slots * self->words, &self->pages, &self->size);
    if (!cells) {
        self->pages = old.pages;
        self->size = old.size;
        return PyErr_NoMemory();
    }
    self->cells = cells;
    self->slots = slots;
    self->most = most_of(slots);
    Py_BEGIN_ALLOW_THREADS
    loops[self->words - 1].refill(self, old.cells, old.slots);
    give_back(old.pages, old.size);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* The numbers of the cells of states, all of which are in the table. */
static PyObject *Visited_places(Visited *self, PyObject *args)
{
    Py_buffer states, found;
    if (!PyArg_ParseTuple(args, "y*w*", &states, &found))
        return NULL;
    uint64_t n = (uint64_t)states.len / (self->words * sizeof(uint64_t));
    int fits = !self->bits && (uint64_t)found.len >= n * sizeof(int64_t);
    if (fits)
        for (uint64_t i = 0; i < n; i++)
            ((int64_t *)found.buf)[i] = loops[self->words - 1].find(
                self, (const uint64_t *)states.buf + i * self->words);
    else
        PyErr_SetString(PyExc_ValueError, "no table, or no room for what is told");
    PyBuffer_Release(&states);
    PyBuffer_Release(&found);
    if (!fits)
        return NULL;
    Py_RETURN_NONE;
}

static Py_ssize_t Visited_len(Visited *self)
{
    return (Py_ssize_t)self->count;
}

static PyObject *Visited_nbytes(Visited *self, void *closure)
{
    return PyLong_FromSize_t(self->size);
}

static PyObject *Visited_slots(Visited *self, void *closure)
{
    return PyLong_FromUnsignedLongLong(self->slots);
}

static PyMethodDef Visited_methods[] = {
    {"add", (PyCFunction)Visited_add, METH_O,
     "Add states: how many were done, 0, and those that are new."},
    {"expand", (PyCFunction)Visited_expand, METH_VARARGS,
     "Take every step from some states: how many were done before the table was full, "
     "how many of them have no step, and the new states."},
    {"grow", (PyCFunction)Visited_grow, METH_O, "Grow to so many cells."},
    {"places", (PyCFunction)Visited_places, METH_VARARGS, "The cells of states."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef Visited_getset[] = {
    {"nbytes", (getter)Visited_nbytes, NULL, "Bytes of memory in use.", NULL},
    {"slots", (getter)Visited_slots, NULL, "Cells of the table, or bits.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PySequenceMethods Visited_sequence = {.sq_length = (lenfunc)Visited_len};

static PyTypeObject VisitedType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "kernel.Visited",
    .tp_doc = "Which states were found.",
    .tp_basicsize = sizeof(Visited),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = Visited_new,
    .tp_dealloc = (destructor)Visited_dealloc,
    .tp_methods = Visited_methods,
    .tp_getset = Visited_getset,
    .tp_as_sequence = &Visited_sequence,
};

static PyObject *look(PyObject *module, PyObject *args)
{
    Program *program;
    Py_buffer states, hits;
    if (!PyArg_ParseTuple(args, "O!y*w*", &ProgramType, &program, &states, &hits))
        return NULL;
    int fits = (uint64_t)hits.len >= program->n_commands;
    uint64_t n = (uint64_t)states.len / (program->words * sizeof(uint64_t));
    if (fits) {
        Py_BEGIN_ALLOW_THREADS
        loops[program->words - 1].look(program, states.buf, n, hits.buf);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_SetString(PyExc_ValueError, "no room for what is told");
    }
    PyBuffer_Release(&states);
    PyBuffer_Release(&hits);
    if (!fits)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *origins(PyObject *module, PyObject *args)
{
    Program *program;
    Visited *goal;
    Py_buffer states, marks, found, marked;
    if (!PyArg_ParseTuple(args, "O!y*O!y*w*w*", &ProgramType, &program, &states,
                          &VisitedType, &goal, &marks, &found, &marked))
        return NULL;
    PyObject *result = NULL;
    uint64_t n = (uint64_t)states.len / (program->words * sizeof(uint64_t)), some;
    if (goal->bits || goal->words != program->words ||
        (uint64_t)marks.len < goal->slots * sizeof(uint64_t) ||
        (uint64_t)found.len < n * sizeof(int64_t) ||
        (uint64_t)marked.len < n * sizeof(uint64_t)) {
        PyErr_SetString(PyExc_ValueError, "no room for what is told");
    } else {
        Py_BEGIN_ALLOW_THREADS
        some = loops[program->words - 1].origins(program, states.buf, n, goal,
                                                 marks.buf, found.buf, marked.buf);
        Py_END_ALLOW_THREADS
        result = PyLong_FromUnsignedLongLong(some);
    }
    PyBuffer_Release(&states);
    PyBuffer_Release(&marks);
    PyBuffer_Release(&found);
    PyBuffer_Release(&marked);
    return result;
}
