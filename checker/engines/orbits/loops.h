/* The inner loops of the orbit search: columns, tables, states, and steps.

   Included by kernel.c, which has the objects that Python sees. The width of a state in
   words, and whether bits are gathered by the processor's own instruction, are constant
   arguments of everything that is called often, so that each has loops of its own. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define MOST_WORDS 4
#define MOST_ALL_WORDS 16
#define MOST_COLUMNS 64
#define BATCH 64
#define INDEX UINT64_C(0x000000ffffffffff)
#define TAG (~INDEX)
#define NOTHING (~UINT64_C(0)) /* where a state of one word would be */
/* What an entry changes: one column, by its number, or these. */
#define NO_COLUMN MOST_COLUMNS
#define SOME_COLUMNS (MOST_COLUMNS + 1)
#define INLINE static inline __attribute__((always_inline))

typedef struct { uint64_t mask; uint32_t word, offset; } Column;
typedef struct { uint32_t begin, end; } Range;
/* Segments: first each run of bits, with its mask shifted down, then each whole word. */
typedef struct { uint32_t begin, words, end; } Gather;
typedef struct { uint64_t mask; uint32_t word, offset, shift, unused; } Segment;
typedef struct { uint32_t gather, values, word, offset; } First;
typedef struct { uint32_t gather, offsets, entries; } Cluster;
typedef struct { uint32_t command, difference; int32_t rest; uint32_t moved; } Entry;
typedef struct { uint32_t guards, changes, end; } Rest;
typedef struct { uint32_t gather, values; } Lookup;
typedef struct { Range columns, first, clusters; uint64_t classes; } Group;

#define N_ARRAYS 12

typedef struct {
    PyObject_HEAD
    uint32_t words, n_groups, n_commands;
    const Group *groups;
    const uint32_t *columns;
    const Gather *gathers;
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
    uint32_t class_of[MOST_COLUMNS]; /* by column */
    uint64_t order;
    uint64_t *states, count, room;
    uint64_t *table, slots;
} Store;

/* Columns */

INLINE uint64_t column_of(const Column *c, const uint64_t *x)
{
    return x[c->word] >> c->offset & c->mask;
}

INLINE void put_column(const Column *c, uint64_t *x, uint64_t value)
{
    x[c->word] = (x[c->word] & ~(c->mask << c->offset)) | value << c->offset;
}

#define EVERY (~UINT64_C(0))

/* Put the columns of some classes, the bits of a word, in ascending order. */
INLINE void sort_columns(const Store *s, uint64_t *x, uint64_t classes)
{
    uint64_t held[MOST_COLUMNS];
    for (uint32_t k = 0; k < s->n_classes; k++) {
        if (!(classes >> k & 1))
            continue;
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
        for (int i = 0; i < n; i++)
            put_column(of + i, x, held[i]);
    }
}

/* The same where one column has changed and all others of its class are in order. */
INLINE void move_column(const Store *s, uint64_t *x, uint32_t column)
{
    const Column *of = s->columns;
    const Range *among = &s->classes[s->class_of[column]];
    uint64_t value = column_of(of + column, x), other;
    uint32_t i = column;
    for (; i > among->begin && (other = column_of(of + i - 1, x)) > value; i--)
        put_column(of + i, x, other);
    for (; i + 1 < among->end && (other = column_of(of + i + 1, x)) < value; i++)
        put_column(of + i, x, other);
    if (i != column)
        put_column(of + i, x, value);
}

/* Make the state after an entry of a canonical one canonical. */
INLINE void restore(const Store *s, uint64_t *x, uint32_t moved, uint64_t classes)
{
    if (moved < MOST_COLUMNS)
        move_column(s, x, moved);
    else if (moved == SOME_COLUMNS)
        sort_columns(s, x, classes);
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

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_PEXT (__builtin_cpu_init(), __builtin_cpu_supports("bmi2"))
INLINE uint64_t extract(uint64_t value, uint64_t mask)
{
    uint64_t found;
    __asm__("pext %2, %1, %0" : "=r"(found) : "r"(value), "rm"(mask));
    return found;
}
#else
#define HAVE_PEXT 0
INLINE uint64_t extract(uint64_t value, uint64_t mask)
{
    return value & mask; /* never called */
}
#endif

INLINE uint32_t gather(const Program *p, uint32_t number, const uint64_t *x,
                       const int pext)
{
    const Gather *g = &p->gathers[number];
    uint64_t index = 0;
    if (pext) {
        for (uint32_t i = g->words; i < g->end; i++)
            index |= extract(x[p->segments[i].word], p->segments[i].mask)
                     << p->segments[i].shift;
        return (uint32_t)index;
    }
    for (uint32_t i = g->begin; i < g->words; i++) {
        const Segment *s = &p->segments[i];
        index |= (x[s->word] >> s->offset & s->mask) << s->shift;
    }
    return (uint32_t)index;
}

/* Fill in what a group computes of a state first. */
INLINE void prepare(const Program *p, const Group *g, uint64_t *x, const int pext)
{
    if (g->first.begin == g->first.end)
        return;
    for (uint32_t w = p->words; w < MOST_ALL_WORDS; w++)
        x[w] = 0;
    for (uint32_t i = g->first.begin; i < g->first.end; i++) {
        const First *f = &p->first[i];
        uint64_t value = p->numbers[f->values + gather(p, f->gather, x, pext)];
        x[f->word] |= value << f->offset;
    }
}

INLINE int passes(const Program *p, const Entry *entry, const uint64_t *x,
                  const int pext)
{
    if (entry->rest < 0)
        return 1;
    const Rest *rest = &p->rests[entry->rest];
    for (uint32_t i = rest->guards; i < rest->changes; i++) {
        const Lookup *l = &p->lookups[i];
        if (!p->numbers[l->values + gather(p, l->gather, x, pext)])
            return 0;
    }
    return 1;
}

INLINE void after(const Program *p, const Entry *entry, const uint64_t *x,
                  uint64_t *key, const uint32_t W, const int pext)
{
    const uint64_t *flips = p->differences + (uint64_t)entry->difference * W;
    for (uint32_t w = 0; w < W; w++)
        key[w] = x[w] ^ flips[w];
    if (entry->rest < 0)
        return;
    const Rest *rest = &p->rests[entry->rest];
    for (uint32_t i = rest->changes; i < rest->end; i++) {
        const Lookup *l = &p->lookups[i];
        uint64_t number = p->numbers[l->values + gather(p, l->gather, x, pext)];
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

/* Where in the table the state is, or where it would be put; whether it is there. */
INLINE int find(const Store *s, const uint64_t *key, uint64_t h, uint64_t *where,
                const uint32_t W)
{
    uint64_t at = h & (s->slots - 1), entry;
    if (W == 1) {
        while ((entry = s->table[at]) != NOTHING && entry != key[0])
            at = (at + 1) & (s->slots - 1);
        *where = at;
        return entry != NOTHING;
    }
    while ((entry = s->table[at])) {
        if ((entry & TAG) == (h & TAG) &&
            same(s->states + ((entry & INDEX) - 1) * W, key, W))
            break;
        at = (at + 1) & (s->slots - 1);
    }
    *where = at;
    return entry != 0;
}

#define PAGE (UINT64_C(1) << 21)

/* Memory for a table: of large pages where it is large, since it is read at random. */
static uint64_t *room_for(uint64_t slots)
{
#ifdef __linux__
    void *room;
    if (slots * sizeof(uint64_t) >= PAGE) {
        if (posix_memalign(&room, PAGE, slots * sizeof(uint64_t)))
            return NULL;
        madvise(room, slots * sizeof(uint64_t), MADV_HUGEPAGE);
        return room;
    }
#endif
    return malloc(slots * sizeof(uint64_t));
}

static int rehash(Store *s, uint64_t slots)
{
    uint64_t *table = room_for(slots);
    uint32_t W = s->words;
    uint64_t empty = W == 1 ? NOTHING : 0;
    if (!table)
        return -1;
    memset(table, W == 1 ? 0xff : 0, slots * sizeof *table);
    for (uint64_t n = 0; n < s->count; n++) {
        uint64_t h = hash(s->states + n * W, W);
        uint64_t at = h & (slots - 1);
        while (table[at] != empty)
            at = (at + 1) & (slots - 1);
        table[at] = W == 1 ? s->states[n] : (h & TAG) | (n + 1);
    }
    free(s->table);
    s->table = table;
    s->slots = slots;
    return 0;
}

/* Add a canonical state if it is new. -1 where memory ends. */
INLINE int insert(Store *s, const uint64_t *key, uint64_t h, const uint32_t W)
{
    uint64_t at;
    if (find(s, key, h, &at, W))
        return 0;
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
    s->table[at] = W == 1 ? key[0] : (h & TAG) | s->count;
    if (s->count > s->slots / 2)
        return rehash(s, s->slots * (s->slots < 1 << 20 ? 4 : 2));
    return 0;
}

/* Insert a batch of canonical states; what it will touch is fetched first. */
INLINE int flush(Store *s, uint64_t *keys, uint32_t n, const uint32_t W)
{
    uint64_t hashes[BATCH];
    for (uint32_t i = 0; i < n; i++) {
        hashes[i] = hash(keys + i * W, W);
        __builtin_prefetch(&s->table[hashes[i] & (s->slots - 1)], 1);
    }
    for (uint32_t i = 0; W > 1 && i < n; i++) {
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
                     const uint32_t W, const int pext)
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
            prepare(p, g, x, pext);
            for (uint32_t c = g->clusters.begin; c < g->clusters.end; c++) {
                const Cluster *cluster = &p->clusters[c];
                uint32_t row = cluster->offsets + gather(p, cluster->gather, x, pext);
                for (uint32_t e = p->offsets[row]; e < p->offsets[row + 1]; e++) {
                    const Entry *entry = &p->entries[cluster->entries + e];
                    if (!passes(p, entry, x, pext))
                        continue;
                    after(p, entry, x, keys + n * W, W, pext);
                    restore(s, keys + n * W, entry->moved, g->classes);
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
                       const uint32_t W, const int pext)
{
    uint64_t x[MOST_ALL_WORDS], key[MOST_WORDS], where;
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
            prepare(p, g, x, pext);
            for (uint32_t c = g->clusters.begin; c < g->clusters.end && !leads; c++) {
                const Cluster *cluster = &p->clusters[c];
                uint32_t row = cluster->offsets + gather(p, cluster->gather, x, pext);
                for (uint32_t e = p->offsets[row]; e < p->offsets[row + 1]; e++) {
                    const Entry *entry = &p->entries[cluster->entries + e];
                    if (!passes(p, entry, x, pext))
                        continue;
                    after(p, entry, x, key, W, pext);
                    restore(goal, key, entry->moved, g->classes);
                    if ((leads = find(goal, key, hash(key, W), &where, W)))
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
                    int64_t *hits, const uint32_t W, const int pext)
{
    uint64_t x[MOST_ALL_WORDS];
    for (uint64_t at = begin; at < end; at++) {
        for (uint32_t w = 0; w < W; w++)
            x[w] = s->states[at * W + w];
        for (uint32_t i = 0; i < p->n_groups; i++) {
            const Group *g = &p->groups[i];
            prepare(p, g, x, pext);
            for (uint32_t c = g->clusters.begin; c < g->clusters.end; c++) {
                const Cluster *cluster = &p->clusters[c];
                uint32_t row = cluster->offsets + gather(p, cluster->gather, x, pext);
                for (uint32_t e = p->offsets[row]; e < p->offsets[row + 1]; e++) {
                    const Entry *entry = &p->entries[cluster->entries + e];
                    if (hits[entry->command] < 0 && passes(p, entry, x, pext))
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
        sort_columns(s, key, EVERY);
        if (flush(s, key, 1, W))
            return -1;
    }
    return 0;
}
