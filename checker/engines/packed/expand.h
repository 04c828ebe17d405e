/* The inner loops, for states of one width and one way to gather bits.

   Included by kernel.c once for each: WORDS, GATHER and NAME() are its parameters. */

static inline uint32_t NAME(gather)(const Program *p, uint32_t number,
                                    const uint64_t *x)
{
    const Gather *g = &p->gathers[number];
    uint64_t index = 0;
    for (uint32_t i = g->begin; i < g->end; i++)
        index |= GATHER(x[p->segments[i].word], p->segments[i].mask)
                 << p->segments[i].shift;
    return (uint32_t)index;
}

static inline void NAME(prepare)(const Program *p, const uint64_t *state, uint64_t *x)
{
    for (uint32_t w = 0; w < WORDS; w++)
        x[w] = state[w];
    for (uint32_t w = WORDS; w < p->all_words; w++)
        x[w] = 0;
    for (uint32_t i = 0; i < p->n_first; i++) {
        const First *f = &p->first[i];
        uint64_t value = p->numbers[f->values + NAME(gather)(p, f->gather, x)];
        x[f->word] |= value << f->offset;
    }
}

static inline int NAME(passes)(const Program *p, const Rest *rest, const uint64_t *x)
{
    for (uint32_t i = rest->guards; i < rest->changes; i++) {
        const Lookup *l = &p->lookups[i];
        if (!p->truths[l->values + NAME(gather)(p, l->gather, x)])
            return 0;
    }
    return 1;
}

static inline uint64_t NAME(hash)(const uint64_t *key)
{
    uint64_t h = key[0] * 0x9e3779b97f4a7c15u;
    for (uint32_t w = 1; w < WORDS; w++) {
        h ^= h >> 32;
        h = (h + key[w]) * 0xd6e8feb86659fd93u;
    }
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static inline int NAME(same)(const uint64_t *a, const uint64_t *b)
{
    for (uint32_t w = 0; w < WORDS; w++)
        if (a[w] != b[w])
            return 0;
    return 1;
}

static int NAME(rehash)(Store *s, uint64_t slots)
{
    uint64_t *table = calloc(slots, sizeof *table);
    if (!table)
        return -1;
    for (uint64_t n = 0; n < s->count; n++) {
        uint64_t h = NAME(hash)(s->states + n * WORDS);
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

/* Add a state if it is new. -1 where memory ends; the store stays as it was. */
static inline int NAME(insert)(Store *s, const uint64_t *key, uint64_t h)
{
    uint64_t at = h & (s->slots - 1), entry;
    while ((entry = s->table[at])) {
        if ((entry & TAG) == (h & TAG) &&
            NAME(same)(s->states + ((entry & INDEX) - 1) * WORDS, key))
            return 0;
        at = (at + 1) & (s->slots - 1);
    }
    if (s->count == s->room) {
        uint64_t room = s->room + s->room / 2;
        uint64_t *states = realloc(s->states, room * WORDS * sizeof *states);
        if (!states)
            return -1;
        s->states = states;
        s->room = room;
    }
    for (uint32_t w = 0; w < WORDS; w++)
        s->states[s->count * WORDS + w] = key[w];
    s->count++;
    s->table[at] = (h & TAG) | s->count;
    if (s->count > s->slots - s->slots / 4)
        return NAME(rehash)(s, s->slots * 2);
    return 0;
}

/* Insert a batch; what it will touch is fetched first. */
static inline int NAME(flush)(Store *s, const uint64_t *keys, uint32_t n)
{
    uint64_t hashes[BATCH];
    for (uint32_t i = 0; i < n; i++) {
        hashes[i] = NAME(hash)(keys + i * WORDS);
        __builtin_prefetch(&s->table[hashes[i] & (s->slots - 1)], 1);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t entry = s->table[hashes[i] & (s->slots - 1)];
        if (entry)
            __builtin_prefetch(s->states + ((entry & INDEX) - 1) * WORDS);
    }
    for (uint32_t i = 0; i < n; i++)
        if (NAME(insert)(s, keys + i * WORDS, hashes[i]))
            return -1;
    return 0;
}

/* The number of the state, counted from 1; 0 if it is not in the store. */
static inline uint64_t NAME(find)(const Store *s, const uint64_t *key)
{
    uint64_t h = NAME(hash)(key), at = h & (s->slots - 1), entry;
    while ((entry = s->table[at])) {
        if ((entry & TAG) == (h & TAG) &&
            NAME(same)(s->states + ((entry & INDEX) - 1) * WORDS, key))
            return entry & INDEX;
        at = (at + 1) & (s->slots - 1);
    }
    return 0;
}

/* The state after an entry's command; 0 if its rest does not let it pass. */
static inline int NAME(after)(const Program *p, const Entry *entry, const uint64_t *x,
                              uint64_t *key)
{
    const uint64_t *flips = p->differences + (uint64_t)entry->difference * WORDS;
    for (uint32_t w = 0; w < WORDS; w++)
        key[w] = x[w] ^ flips[w];
    if (entry->rest < 0)
        return 1;
    const Rest *rest = &p->rests[entry->rest];
    if (!NAME(passes)(p, rest, x))
        return 0;
    for (uint32_t i = rest->changes; i < rest->end; i++) {
        const Lookup *l = &p->lookups[i];
        uint64_t number = p->numbers[l->values + NAME(gather)(p, l->gather, x)];
        for (uint32_t w = 0; w < WORDS; w++)
            key[w] ^= p->differences[number * WORDS + w];
    }
    return 1;
}

/* Take every step from the states from `begin` to `end`. */
static int NAME(expand)(Store *s, const Program *p, uint64_t begin, uint64_t end,
                        uint64_t *taken, int64_t *stuck, uint64_t *n_stuck)
{
    uint64_t x[MAX_WORDS], keys[BATCH * WORDS];
    uint32_t n = 0;
    for (uint64_t at = begin; at < end; at++) {
        int moves = 0;
        NAME(prepare)(p, s->states + at * WORDS, x);
        for (uint32_t c = 0; c < p->n_clusters; c++) {
            const Cluster *cluster = &p->clusters[c];
            uint32_t row = cluster->offsets + NAME(gather)(p, cluster->gather, x);
            for (uint32_t e = p->offsets[row]; e < p->offsets[row + 1]; e++) {
                const Entry *entry = &p->entries[cluster->entries + e];
                if (!NAME(after)(p, entry, x, keys + n * WORDS))
                    continue;
                taken[entry->command]++;
                moves = 1;
                if (++n == BATCH) {
                    if (NAME(flush)(s, keys, n))
                        return -1;
                    n = 0;
                }
            }
        }
        if (!moves)
            stuck[(*n_stuck)++] = (int64_t)at;
    }
    return NAME(flush)(s, keys, n);
}

/* The states from `begin` to `end` from which a step leads to one of the goal, each
   with the marks of all goal states that it leads to. */
static void NAME(origins)(const Store *s, const Program *p, uint64_t begin,
                          uint64_t end, const Store *goal, const uint64_t *marks,
                          int64_t *found, uint64_t *marked, uint64_t *n)
{
    uint64_t x[MAX_WORDS], key[WORDS];
    for (uint64_t at = begin; at < end; at++) {
        uint64_t leads = 0;
        NAME(prepare)(p, s->states + at * WORDS, x);
        for (uint32_t c = 0; c < p->n_clusters; c++) {
            const Cluster *cluster = &p->clusters[c];
            uint32_t row = cluster->offsets + NAME(gather)(p, cluster->gather, x);
            for (uint32_t e = p->offsets[row]; e < p->offsets[row + 1]; e++) {
                uint64_t number;
                if (NAME(after)(p, &p->entries[cluster->entries + e], x, key) &&
                    (number = NAME(find)(goal, key)))
                    leads |= marks[number - 1];
            }
        }
        if (leads) {
            found[*n] = (int64_t)at;
            marked[(*n)++] = leads;
        }
    }
}

/* For each command the first state in which it is possible, where none is known. */
static int NAME(look)(Store *s, const Program *p, uint64_t begin, uint64_t end,
                      int64_t *hits)
{
    uint64_t x[MAX_WORDS];
    for (uint64_t at = begin; at < end; at++) {
        NAME(prepare)(p, s->states + at * WORDS, x);
        for (uint32_t c = 0; c < p->n_clusters; c++) {
            const Cluster *cluster = &p->clusters[c];
            uint32_t row = cluster->offsets + NAME(gather)(p, cluster->gather, x);
            for (uint32_t e = p->offsets[row]; e < p->offsets[row + 1]; e++) {
                const Entry *entry = &p->entries[cluster->entries + e];
                if (hits[entry->command] < 0 &&
                    (entry->rest < 0 || NAME(passes)(p, &p->rests[entry->rest], x)))
                    hits[entry->command] = (int64_t)at;
            }
        }
    }
    return 0;
}

static int NAME(add)(Store *s, const uint64_t *keys, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (NAME(insert)(s, keys + i * WORDS, NAME(hash)(keys + i * WORDS)))
            return -1;
    return 0;
}
