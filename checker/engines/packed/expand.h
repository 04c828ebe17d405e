/* The inner loops, for states of one width and one way to gather bits.

   Included by kernel.c once for each: WORDS, GATHER and NAME() are its parameters. */

static inline uint64_t NAME(collect)(const Gather *g, const Segment *segments,
                                     const uint64_t *x)
{
    uint64_t index = 0;
    for (uint32_t i = g->begin; i < g->end; i++)
        index |= GATHER(x[segments[i].word], segments[i].mask) << segments[i].shift;
    return index;
}

static inline uint64_t NAME(gather)(const Program *p, uint32_t number,
                                    const uint64_t *x)
{
    return NAME(collect)(&p->gathers[number], p->segments, x);
}

/* Compute what comes first. Apart, it takes no registers from the loops. */
static APART void NAME(compute_first)(const Program *p, uint64_t *x)
{
    /* Most lies in one word, which need not be read again for each. */
    uint64_t word = 0;
    uint32_t at = WORDS;
    for (uint32_t w = WORDS; w < p->all_words; w++)
        x[w] = 0;
    for (uint32_t i = 0; i < p->n_first; i++) {
        const First *f = &p->first[i];
        uint64_t index = f->mask ? GATHER(x[f->from], f->mask)
                                 : NAME(gather)(p, f->gather, x);
        if (f->word != at)
            word = x[at = f->word];
        word |= (uint64_t)p->numbers[f->values + index] << f->offset;
        x[at] = word;
    }
}

static inline void NAME(prepare)(const Program *p, const uint64_t *state, uint64_t *x)
{
    for (uint32_t w = 0; w < WORDS; w++)
        x[w] = state[w];
    if (p->n_first)
        NAME(compute_first)(p, x);
}

/* The offsets of the entries of a cluster: from the first to the second. */
static inline const uint32_t *NAME(row)(const Program *p, const Cluster *c,
                                        const uint64_t *x)
{
    uint64_t index = c->mask ? GATHER(x[c->word], c->mask)
                             : NAME(gather)(p, c->gather, x);
    return p->offsets + c->offsets + index;
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

/* What the rest of an entry's command makes of the state; 0 if it does not let it
   pass. Hardly any has one: apart, it takes no registers from the loops. */
static APART int NAME(finish)(const Program *p, const Rest *rest, const uint64_t *x,
                              uint64_t *key)
{
    if (!NAME(passes)(p, rest, x))
        return 0;
    for (uint32_t i = rest->changes; i < rest->end; i++) {
        const Lookup *l = &p->lookups[i];
        uint64_t change = p->numbers[l->values + NAME(gather)(p, l->gather, x)];
        for (uint32_t w = 0; w < WORDS; w++)
            key[w] ^= p->differences[change * WORDS + w];
    }
    return 1;
}

/* The state after an entry's command; 0 if its rest does not let it pass. */
static inline int NAME(after)(const Program *p, const uint64_t *entry,
                              const uint64_t *x, uint64_t *key)
{
    int32_t number = (int32_t)(entry[0] >> 32);
    for (uint32_t w = 0; w < WORDS; w++)
        key[w] = x[w] ^ entry[1 + w];
    return number < 0 || NAME(finish)(p, &p->rests[number], x, key);
}

static inline uint64_t NAME(hash)(const uint64_t *key)
{
    uint64_t h = key[0] * 0x9e3779b97f4a7c15u;
    for (uint32_t w = 1; w < WORDS; w++) {
        h ^= h >> 32;
        h = (h + key[w]) * 0xd6e8feb86659fd93u;
    }
    h ^= h >> 32;
    return h * 0x9e3779b97f4a7c15u;
}

/* Whether the cell holds the state; waits until a claimed one is filled. */
static inline int NAME(holds)(const uint64_t *cell, uint64_t first, const uint64_t *key)
{
    if (WORDS == 1)
        return first == (key[0] | TAKEN);
    while (first == CLAIMED)
        first = load(cell);
    if (first != (key[0] | TAKEN))
        return 0;
    for (uint32_t w = 1; w < WORDS; w++)
        if (cell[w] != key[w])
            return 0;
    return 1;
}

/* Whether the state was new. There is room for it. */
static inline int NAME(enter)(Visited *v, const uint64_t *key, uint64_t at)
{
    for (;;) {
        uint64_t *cell = v->cells + at * WORDS, first = load(cell);
        if (!first) {
            if (WORDS == 1) {
                if (claim(cell, key[0] | TAKEN))
                    return 1;
            } else if (claim(cell, CLAIMED)) {
                for (uint32_t w = 1; w < WORDS; w++)
                    cell[w] = key[w];
                __atomic_store_n(cell, key[0] | TAKEN, __ATOMIC_RELEASE);
                return 1;
            }
            first = load(cell);
        }
        if (NAME(holds)(cell, first, key))
            return 0;
        if (++at == v->slots)
            at = 0;
    }
}

/* The bits of a part of a state. */
static inline uint64_t NAME(value)(const Split *s, const Part *part,
                                   const uint64_t *key)
{
    return WORDS == 1 || part->mask
               ? GATHER(key[part->word], part->mask)
               : NAME(collect)(&s->gathers[part->gather], s->segments, key);
}

static inline uint64_t NAME(root)(const Split *s, const uint64_t *key)
{
    return s->roots[NAME(value)(s, &s->parts[0], key)];
}

static inline const Row *NAME(row_of)(const Split *s, uint32_t number, uint64_t root,
                                      const uint64_t *key)
{
    const Part *part = &s->parts[number];
    return &s->rows[part->rows + (root << part->width) + NAME(value)(s, part, key)];
}

/* The bit of a state; one that is too large for a state that can not be. */
static APART uint64_t NAME(bit)(const Split *s, const uint64_t *key)
{
    uint64_t root = NAME(root)(s, key), bit = s->rows[root].adds;
    for (uint32_t i = 1; i < s->n_parts; i++)
        bit += NAME(row_of)(s, i, root, key)->adds;
    return bit;
}

/* The same of a state with another root, and the parts of one with these rows. */
static inline uint64_t NAME(bit_at)(const Split *s, uint64_t root, uint64_t before,
                                    const Row *const *rows)
{
    uint64_t bit = s->rows[root].adds;
    for (uint32_t i = 1; i < s->n_parts; i++)
        bit += (rows[i] + ((int64_t)(root - before) << s->parts[i].width))->adds;
    return bit;
}

/* Where a state is looked up first. */
static inline uint64_t NAME(at)(const Visited *v, const uint64_t *key)
{
    return v->bits ? NAME(bit)(&v->split, key) : place(NAME(hash)(key), v->slots);
}

/* Fetch what is looked up there; -1 if the split has no bit for the state. */
static inline int NAME(fetch)(const Visited *v, uint64_t at)
{
    if (at >= v->slots)
        return -1;
    __builtin_prefetch(&v->cells[v->bits ? at >> 6 : at * WORDS], 1);
    return 0;
}

/* Add a batch that was fetched; -1 where memory ends. */
static APART int NAME(flush)(Visited *v, const uint64_t *keys, const uint64_t *at, uint32_t n,
                       Fresh *fresh)
{
    uint64_t before = fresh->count;
    for (uint32_t i = 0; i < n; i++) {
        if (v->bits ? set_before(v->cells, at[i])
                    : !NAME(enter)(v, keys + i * WORDS, at[i]))
            continue;
        if (keep(fresh, keys + i * WORDS, WORDS))
            return -1;
    }
    if (!v->bits)
        __atomic_fetch_add(&v->count, fresh->count - before, __ATOMIC_RELAXED);
    return 0;
}

/* Where steps of lists lead: the bits, and of each from which state it is led there, and
   in the low half by which step. */
typedef struct {
    uint64_t to[BATCH + LISTED + LANES], from[BATCH + LISTED + LANES];
} NAME(Listed);

/* Add what they lead to; a state is made only if it is new. -1 where memory ends, -2 if
   the split has no bit for a state. */
static APART int NAME(add_listed)(Visited *v, const uint64_t *states,
                                  const NAME(Listed) *listed, uint32_t n, Fresh *fresh)
{
    uint64_t key[WORDS];
    uint32_t unset[BATCH + LISTED], n_unset = 0;
    if (v->size > NEAR)
        for (uint32_t i = 0; i < n; i++)
            __builtin_prefetch(&v->cells[listed->to[i] >> 6], 1);
    for (uint32_t i = 0; i < n; i++) {
        if (listed->to[i] >= v->slots)
            return -2;
        unset[n_unset] = i;
        n_unset += !is_set(v->cells, listed->to[i]);
    }
    for (uint32_t u = 0; u < n_unset; u++) {
        uint64_t from = listed->from[unset[u]];
        if (set_before(v->cells, listed->to[unset[u]]))
            continue;
        for (uint32_t w = 0; w < WORDS; w++)
            key[w] = states[(from >> 32) * WORDS + w] ^
                     v->split.flips[(uint64_t)(uint32_t)from * WORDS + w];
        if (keep(fresh, key, WORDS))
            return -1;
    }
    return 0;
}

/* What `expand` does where there is a bit for each state. */
static int NAME(expand_bits)(Visited *v, const Program *p, const uint64_t *states,
                             uint64_t n_states, uint64_t *taken, int64_t *stuck,
                             uint64_t *n_stuck, Fresh *fresh)
{
    const Split *s = &v->split;
    const Row *rows[MOST_PARTS];
    uint64_t x[MAX_WORDS], keys[BATCH * WORDS], bits[BATCH];
    uint64_t *kinds = taken + p->n_commands;
    NAME(Listed) listed;
    uint32_t n = 0, n_listed = 0;
    int failed;
    for (uint64_t at = 0; at < n_states; at++) {
        if (n_listed >= BATCH) {
            if ((failed = NAME(add_listed)(v, states, &listed, n_listed, fresh)))
                return failed;
            n_listed = 0;
        }
        NAME(prepare)(p, states + at * WORDS, x);
        uint64_t root = NAME(root)(s, x), bit = s->rows[root].adds;
        for (uint32_t i = 1; i < s->n_parts; i++) {
            rows[i] = NAME(row_of)(s, i, root, x);
            bit += rows[i]->adds;
        }
        uint32_t moves = n_listed;
        const Row *row = &s->rows[root];
        kinds[row->kind]++;
        for (uint32_t e = 0; e < s->lengths[row->kind]; e++, n_listed++) {
            listed.to[n_listed] = NAME(bit_at)(s, s->leads[row->begin + e], root, rows);
            listed.from[n_listed] = at << 32 | (row->begin + e);
        }
        for (uint32_t i = 1; i < s->n_parts; i++) {
            row = rows[i];
            const uint64_t *leads = s->leads + row->begin;
            uint64_t *to = listed.to + n_listed, *from = listed.from + n_listed;
            uint64_t first = at << 32 | row->begin;
            uint32_t length = s->lengths[row->kind];
            kinds[row->kind]++;
            /* Few have more. What follows one that has less is soon overwritten. */
            for (uint32_t e = 0; e < LANES; e++) {
                to[e] = bit + leads[e];
                from[e] = first + e;
            }
            for (uint32_t e = LANES; e < length; e++) {
                to[e] = bit + leads[e];
                from[e] = first + e;
            }
            n_listed += length;
        }
        moves = n_listed - moves;
        for (uint32_t c = s->begins[root]; c < s->begins[root + 1]; c++) {
            const uint32_t *row = NAME(row)(p, &p->clusters[s->alive[c]], x);
            const uint64_t *entry = p->entries + (uint64_t)row[0] * (1 + WORDS);
            for (uint32_t e = row[0]; e < row[1]; e++, entry += 1 + WORDS) {
                uint64_t *key = keys + n * WORDS;
                if (!NAME(after)(p, entry, x, key))
                    continue;
                taken[(uint32_t)entry[0]]++;
                moves++;
                uint32_t i = s->changes[e];
                if (i == MUCH)
                    bits[n] = NAME(bit)(s, key);
                else if (i)
                    bits[n] =
                        bit - rows[i]->adds + NAME(row_of)(s, i, root, key)->adds;
                else
                    bits[n] = bit;
                if (NAME(fetch)(v, bits[n]))
                    return -2;
                if (++n == BATCH) {
                    if (NAME(flush)(v, keys, bits, n, fresh))
                        return -1;
                    n = 0;
                }
            }
        }
        if (!moves)
            stuck[(*n_stuck)++] = (int64_t)at;
    }
    failed = NAME(add_listed)(v, states, &listed, n_listed, fresh);
    if (!failed)
        failed = NAME(flush)(v, keys, bits, n, fresh);
    count_bits(v, fresh);
    return failed;
}

/* What `expand` does where there is a table. */
static int NAME(expand_table)(Visited *v, const Program *p, const uint64_t *states,
                              uint64_t n_states, uint64_t *done, uint64_t *taken,
                              int64_t *stuck, uint64_t *n_stuck, Fresh *fresh)
{
    uint64_t x[MAX_WORDS], keys[BATCH * WORDS], cells[BATCH], at;
    uint32_t n = 0;
    for (at = 0; at < n_states; at++) {
        if (__atomic_load_n(&v->count, __ATOMIC_RELAXED) + n > v->most)
            break;
        uint64_t moves = 0;
        NAME(prepare)(p, states + at * WORDS, x);
        for (uint32_t c = 0; c < p->n_clusters; c++) {
            const uint32_t *row = NAME(row)(p, &p->clusters[c], x);
            const uint64_t *entry = p->entries + (uint64_t)row[0] * (1 + WORDS);
            for (uint32_t e = row[0]; e < row[1]; e++, entry += 1 + WORDS) {
                uint64_t *key = keys + n * WORDS;
                if (!NAME(after)(p, entry, x, key))
                    continue;
                taken[(uint32_t)entry[0]]++;
                moves++;
                cells[n] = place(NAME(hash)(key), v->slots);
                __builtin_prefetch(&v->cells[cells[n] * WORDS], 1);
                if (++n == BATCH) {
                    if (NAME(flush)(v, keys, cells, n, fresh))
                        return -1;
                    n = 0;
                }
            }
        }
        if (!moves)
            stuck[(*n_stuck)++] = (int64_t)at;
    }
    *done = at;
    return NAME(flush)(v, keys, cells, n, fresh);
}

/* Take every step from the states, until all are done or the table is to grow. -1
   where memory ends, -2 if the split has no bit for a state. */
static int NAME(expand)(Visited *v, const Program *p, const uint64_t *states,
                        uint64_t n_states, uint64_t *done, uint64_t *taken,
                        int64_t *stuck, uint64_t *n_stuck, Fresh *fresh)
{
    if (!v->bits)
        return NAME(expand_table)(v, p, states, n_states, done, taken, stuck, n_stuck,
                                  fresh);
    *done = n_states;
    return NAME(expand_bits)(v, p, states, n_states, taken, stuck, n_stuck, fresh);
}

/* Add states, until all are done or the table is to grow. */
static int NAME(add)(Visited *v, const uint64_t *states, uint64_t n_states,
                     uint64_t *done, Fresh *fresh)
{
    uint64_t bits[BATCH], at = 0;
    while (at < n_states && __atomic_load_n(&v->count, __ATOMIC_RELAXED) <= v->most) {
        const uint64_t *keys = states + at * WORDS;
        uint32_t n = n_states - at < BATCH ? (uint32_t)(n_states - at) : BATCH;
        for (uint32_t i = 0; i < n; i++) {
            bits[i] = NAME(at)(v, keys + i * WORDS);
            if (NAME(fetch)(v, bits[i]))
                return -2;
        }
        if (NAME(flush)(v, keys, bits, n, fresh))
            return -1;
        at += n;
    }
    if (v->bits)
        count_bits(v, fresh);
    *done = at;
    return 0;
}

/* Enter all states of a smaller table into this one. */
static void NAME(refill)(Visited *v, const uint64_t *cells, uint64_t slots)
{
    for (uint64_t at = 0; at < slots; at++) {
        const uint64_t *cell = cells + at * WORDS;
        if (cell[0]) {
            uint64_t key[WORDS];
            for (uint32_t w = 0; w < WORDS; w++)
                key[w] = cell[w];
            key[0] &= ~TAKEN;
            NAME(enter)(v, key, place(NAME(hash)(key), v->slots));
        }
    }
}

/* The number of the cell of a state; -1 if it is not in the table. */
static inline int64_t NAME(find)(const Visited *v, const uint64_t *key)
{
    uint64_t at = place(NAME(hash)(key), v->slots), first;
    while ((first = v->cells[at * WORDS])) {
        if (NAME(holds)(v->cells + at * WORDS, first, key))
            return (int64_t)at;
        if (++at == v->slots)
            at = 0;
    }
    return -1;
}

/* The states from which a step leads to one of the goal, each with the marks of all
   goal states that it leads to. `marks` has them by the numbers of cells. */
static uint64_t NAME(origins)(const Program *p, const uint64_t *states,
                              uint64_t n_states, const Visited *goal,
                              const uint64_t *marks, int64_t *found, uint64_t *marked)
{
    uint64_t x[MAX_WORDS], key[WORDS], n = 0;
    for (uint64_t at = 0; at < n_states; at++) {
        uint64_t leads = 0;
        NAME(prepare)(p, states + at * WORDS, x);
        for (uint32_t c = 0; c < p->n_clusters; c++) {
            const uint32_t *row = NAME(row)(p, &p->clusters[c], x);
            for (uint32_t e = row[0]; e < row[1]; e++) {
                int64_t cell;
                if (NAME(after)(p, p->entries + (uint64_t)e * (1 + WORDS), x, key) &&
                    (cell = NAME(find)(goal, key)) >= 0)
                    leads |= marks[cell];
            }
        }
        if (leads) {
            found[n] = (int64_t)at;
            marked[n++] = leads;
        }
    }
    return n;
}

/* Note for each command whether it is possible in one of the states. */
static void NAME(look)(const Program *p, const uint64_t *states, uint64_t n_states,
                       uint8_t *hits)
{
    uint64_t x[MAX_WORDS];
    for (uint64_t at = 0; at < n_states; at++) {
        NAME(prepare)(p, states + at * WORDS, x);
        for (uint32_t c = 0; c < p->n_clusters; c++) {
            const uint32_t *row = NAME(row)(p, &p->clusters[c], x);
            for (uint32_t e = row[0]; e < row[1]; e++) {
                const uint64_t *entry = p->entries + (uint64_t)e * (1 + WORDS);
                int32_t rest = (int32_t)(entry[0] >> 32);
                if (!hits[(uint32_t)entry[0]] &&
                    (rest < 0 || NAME(passes)(p, &p->rests[rest], x)))
                    hits[(uint32_t)entry[0]] = 1;
            }
        }
    }
}
