/* Visited: which states were found, as a hash table of them, or a bit for each.

   Several threads may look up and add at once. A cell of the hash table is a state;
   the highest bit of its first word, which no state uses, says that it is taken. Of
   states of many words, a cell is claimed first, then filled, then shown.

   The bit of a state is found by a split of it into a root and parts: to the base of
   the root each part adds what the table of the part has for the two of them. */

#define BATCH 128
#define NEAR (UINT64_C(1) << 20) /* bytes that the processor keeps near */
#define TAKEN (UINT64_C(1) << 63)
#define CLAIMED (~UINT64_C(0))
#define NOWHERE (UINT64_C(1) << 56)
#define PAGE (UINT64_C(1) << 21)
#define N_SPLIT 11

/* `mask` is 0 where bits of more than one word are gathered. */
typedef struct { uint64_t mask; uint32_t word, gather, width, rows; } Part;

/* Of a root and a value of a part: what is added to the bit, and the list of the steps
   within the part. Lists of one kind have the same commands. */
typedef struct { uint64_t adds; uint32_t begin, kind; } Row;

#define LANES 2   /* steps of a list that are noted together */
#define LISTED 256 /* commands that are in lists, at most */

/* What an entry of a program changes: one part, or more than that. */
#define MUCH 255
#define MOST_PARTS 64

typedef struct {
    uint32_t n_parts;
    const Gather *gathers;
    const Segment *segments;
    const uint32_t *roots; /* by the bits of the root: its number */
    const Part *parts;     /* the first is the root, with a row for each number of it */
    const uint8_t *changes; /* by entry: the part that it changes; 0 for none */
    const Row *rows;
    const uint32_t *lengths; /* of lists, by kind */
    const uint64_t *leads; /* by step: what it adds to the bit; the new root */
    const uint64_t *flips; /* by step: what it flips of a state */
    const uint32_t *begins; /* of each root, and the end of the last: */
    const uint32_t *alive; /* the clusters that have anything for the root */
    uint32_t n_kinds;
    Py_buffer views[N_SPLIT];
    int n_views;
} Split;

typedef struct {
    PyObject_HEAD
    uint32_t words;
    uint64_t count, most; /* the count above which a table is to grow */
    uint64_t slots;       /* cells, or bits */
    uint64_t *cells;      /* words that hold them */
    void *pages;
    size_t size;
    int bits;
    Split split;
} Visited;

typedef struct {
    uint64_t *rows, count, room;
} Fresh;

/* Zeros, in large pages where there are such; `pages` is what is to be freed. */
static uint64_t *zeros(uint64_t words, void **pages, size_t *size)
{
#if defined(__linux__)
    if (words > (SIZE_MAX - PAGE) / sizeof(uint64_t))
        return NULL;
    *size = words * sizeof(uint64_t);
    if (*size >= 2 * PAGE)
        *size += PAGE;
    *pages = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
                  MAP_NORESERVE, -1, 0);
    if (*pages == MAP_FAILED) {
        *pages = NULL;
        return NULL;
    }
    if (*size < 2 * PAGE)
        return *pages;
    uintptr_t begin = ((uintptr_t)*pages + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    madvise((void *)begin, *size - PAGE, MADV_HUGEPAGE);
    return (uint64_t *)begin;
#else
    *size = words * sizeof(uint64_t);
    return *pages = calloc(words, sizeof(uint64_t));
#endif
}

static void give_back(void *pages, size_t size)
{
#if defined(__linux__)
    if (pages)
        munmap(pages, size);
#else
    free(pages);
#endif
}

static inline uint64_t load(const uint64_t *cell)
{
    return __atomic_load_n(cell, __ATOMIC_ACQUIRE);
}

static inline int claim(uint64_t *cell, uint64_t value)
{
    uint64_t empty = 0;
    return __atomic_compare_exchange_n(cell, &empty, value, 0, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* A number below `slots`, in the order of the hashes. */
static inline uint64_t place(uint64_t h, uint64_t slots)
{
    return (uint64_t)((unsigned __int128)h * slots >> 64);
}

static inline int is_set(const uint64_t *cells, uint64_t at)
{
    return __atomic_load_n(&cells[at >> 6], __ATOMIC_RELAXED) >> (at & 63) & 1;
}

/* Set a bit; whether it was set before. */
static inline int set_before(uint64_t *cells, uint64_t at)
{
    uint64_t bit = UINT64_C(1) << (at & 63);
    return is_set(cells, at) ||
           __atomic_fetch_or(&cells[at >> 6], bit, __ATOMIC_RELAXED) & bit;
}

/* Count the bits that were set; once, at the end, since all threads use the number. */
static inline void count_bits(Visited *v, const Fresh *fresh)
{
    __atomic_fetch_add(&v->count, fresh->count, __ATOMIC_RELAXED);
}

static inline int keep(Fresh *fresh, const uint64_t *key, uint32_t words)
{
    if (fresh->count == fresh->room) {
        uint64_t room = fresh->room ? 2 * fresh->room : 4096;
        uint64_t *rows = realloc(fresh->rows, room * words * sizeof *rows);
        if (!rows)
            return -1;
        fresh->rows = rows;
        fresh->room = room;
    }
    for (uint32_t w = 0; w < words; w++)
        fresh->rows[fresh->count * words + w] = key[w];
    fresh->count++;
    return 0;
}
