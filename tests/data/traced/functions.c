/*
 * Functions by the names of those that docs/tdx-events.bt probes in a kernel, with the
 * same arguments, called in the order of a small host's life. They do nothing.
 */
#define KEPT __attribute__((noinline)) __attribute__((used))

struct device { unsigned long other[5]; unsigned int id; };
struct memory_block { unsigned long start; struct device dev; };

typedef unsigned long u64;

KEPT u64 __seamcall(u64 leaf, void *arguments)
{
	asm volatile("" : : "r"(arguments) : "memory");
	return leaf == 44 ? 0x8000020300000000ul : 0;
}

KEPT u64 __seamcall_ret(u64 leaf, void *arguments)
{
	asm volatile("" : : "r"(arguments) : "memory");
	return leaf == 34 ? 0xc000050500000000ul : 0;
}

KEPT int cpu_device_up(struct device *cpu)
{
	asm volatile("" : : "r"(cpu) : "memory");
	return 0;
}

KEPT int cpu_device_down(struct device *cpu)
{
	asm volatile("" : : "r"(cpu) : "memory");
	return -16;
}

KEPT int memory_block_change_state(struct memory_block *block, u64 to, u64 from)
{
	asm volatile("" : : "r"(block), "r"(to), "r"(from) : "memory");
	return block->dev.id == 7 ? -1 : 0;
}

int main(void)
{
	struct device cpu = { .id = 1 };
	struct memory_block dram = { .dev.id = 2 }, other = { .dev.id = 7 };

	cpu_device_up(&cpu);
	memory_block_change_state(&dram, 1, 4);
	__seamcall(33, 0);
	__seamcall(35, 0);
	__seamcall_ret(34, 0);
	__seamcall_ret(36, 0);
	__seamcall(44, 0);
	cpu_device_down(&cpu);
	memory_block_change_state(&other, 1, 4);
	memory_block_change_state(&dram, 4, 1);
	return 0;
}
