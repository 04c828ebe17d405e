/* The kernel: takes every step of states by the tables of a program.

   It knows bits and tables, and no model. A Program holds the arrays that native.py
   has laid out; a Visited knows which states were found. The global interpreter lock
   is given up where there is much to do, so several threads can work for one search. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAVE_PEXT 1
#else
#define HAVE_PEXT 0
#endif

/* Of functions: never made a part of what calls them, and always. */
#if defined(__GNUC__)
#define APART __attribute__((noinline))
#define WITHIN __attribute__((always_inline))
#else
#define APART
#define WITHIN
#endif

#include "program.h"
#include "visited.h"

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
    int (*expand)(Visited *, const Program *, const uint64_t *, uint64_t, uint64_t *,
                  uint64_t *, int64_t *, uint64_t *, Fresh *);
    int (*add)(Visited *, const uint64_t *, uint64_t, uint64_t *, Fresh *);
    void (*refill)(Visited *, const uint64_t *, uint64_t);
    int64_t (*find)(const Visited *, const uint64_t *);
    uint64_t (*origins)(const Program *, const uint64_t *, uint64_t, const Visited *,
                        const uint64_t *, int64_t *, uint64_t *);
    void (*look)(const Program *, const uint64_t *, uint64_t, uint8_t *);
} Loops;

#define LOOPS(way, n) \
    { expand_##way##_##n, add_##way##_##n, refill_##way##_##n, find_##way##_##n, \
      origins_##way##_##n, look_##way##_##n }

static const Loops plain_loops[] = {
    LOOPS(plain, 1), LOOPS(plain, 2), LOOPS(plain, 3), LOOPS(plain, 4)};
#if HAVE_PEXT
static const Loops pext_loops[] = {
    LOOPS(pext, 1), LOOPS(pext, 2), LOOPS(pext, 3), LOOPS(pext, 4)};
#endif
static const Loops *loops = plain_loops;

#include "types.h"

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
    {"look", look, METH_VARARGS, "Note which commands are possible in some state."},
    {"origins", origins, METH_VARARGS, "The states from which a step leads to a goal."},
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
        PyModule_AddType(made, &VisitedType)) {
        Py_XDECREF(made);
        return NULL;
    }
    return made;
}
