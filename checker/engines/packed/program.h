/* Programs: the tables by which steps are taken, as native.py lays them out. */

#define MOST_WORDS 4   /* of a state */
#define MAX_WORDS 16   /* of a state and of what is computed of it first */

typedef struct { uint32_t begin, end; } Gather;
typedef struct { uint64_t mask; uint32_t word, shift; } Segment;
/* `mask` is 0 where bits of more than one word are gathered. */
typedef struct { uint64_t mask; uint32_t from, gather, values, word, offset, unused; } First;
typedef struct { uint64_t mask; uint32_t word, gather, offsets, unused; } Cluster;
typedef struct { uint32_t guards, changes, end; } Rest;
typedef struct { uint32_t gather, values; } Lookup;

#define N_PROGRAM 11

typedef struct {
    PyObject_HEAD
    uint32_t words, all_words, n_first, n_clusters, n_commands;
    const Gather *gathers;
    const Segment *segments;
    const First *first;
    const Cluster *clusters;
    const uint32_t *offsets;
    const uint64_t *entries; /* each: command and rest, and what it flips */
    const Rest *rests;
    const Lookup *lookups;
    const uint8_t *truths;
    const uint32_t *numbers;
    const uint64_t *differences;
    Py_buffer views[N_PROGRAM];
    int n_views;
} Program;

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

static void Program_dealloc(Program *self)
{
    for (int i = 0; i < self->n_views; i++)
        PyBuffer_Release(&self->views[i]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *Program_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    PyObject *arrays[N_PROGRAM];
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
    for (int i = 0; i < N_PROGRAM; i++) {
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
