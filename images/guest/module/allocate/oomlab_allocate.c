// SPDX-License-Identifier: GPL-2.0
/*
 * Requests for memory as a driver makes them: the kernel's half of trigger `allocate`.
 *
 * What is asked for stands in the parameters, from when the module is loaded. Each read() of /dev/oomlab-allocate
 * makes one such request in the process that reads, and gives three numbers of 64 bits: how long the call took (ns),
 * 0 or the errno, and whether vmalloc served it. What it gave is freed before the read returns; unless a write() of
 * one number of 64 bits came first, which makes room for so many to be held by the open file until that is closed.
 */
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#define NAME "oomlab_allocate"
/* So many requests has a trigger at most (LIMIT_REQUESTS). */
#define MOST_HELD 1000000

static char *api = "alloc_pages";
module_param(api, charp, 0444);
static unsigned int order;
module_param(order, uint, 0444);
static char *gfp = "GFP_KERNEL";
module_param(gfp, charp, 0444);
/* As reclaim itself asks (PF_MEMALLOC): neither waiting nor reclaiming, and down to the last page. */
static bool in_reclaim;
module_param(in_reclaim, bool, 0444);

/* What a request gave. */
struct piece {
	void *address; /* of alloc_pages: its struct page */
	dma_addr_t handle;
};

/* Of an open file, in the order of the reads of one process: nobody else has it. */
struct holder {
	u64 room, held;
	struct piece pieces[];
};

struct reply {
	s64 latency_ns;
	s64 error;
	s64 by_vmalloc;
};

struct api {
	const char *name;
	bool (*get)(struct piece *piece);
	void (*put)(const struct piece *piece);
};

static gfp_t mask;
static struct platform_device *device; /* of dma_alloc_coherent */

static size_t bytes(void)
{
	return PAGE_SIZE << order;
}

/* Reports show these by name, as what called the allocator. */
static noinline bool oomlab_alloc_pages(struct piece *piece)
{
	piece->address = alloc_pages(mask, order);
	return piece->address;
}

static void free_alloc_pages(const struct piece *piece)
{
	__free_pages(piece->address, order);
}

static noinline bool oomlab_kmalloc(struct piece *piece)
{
	piece->address = kmalloc(bytes(), mask);
	return piece->address;
}

static void free_kmalloc(const struct piece *piece)
{
	kfree(piece->address);
}

static noinline bool oomlab_kvmalloc(struct piece *piece)
{
	piece->address = kvmalloc(bytes(), mask);
	return piece->address;
}

static void free_kvmalloc(const struct piece *piece)
{
	kvfree(piece->address);
}

static noinline bool oomlab_dma_alloc_coherent(struct piece *piece)
{
	piece->address = dma_alloc_coherent(&device->dev, bytes(), &piece->handle, mask);
	return piece->address;
}

static void free_dma_alloc_coherent(const struct piece *piece)
{
	dma_free_coherent(&device->dev, bytes(), piece->address, piece->handle);
}

static const struct api apis[] = {
	{ "alloc_pages", oomlab_alloc_pages, free_alloc_pages },
	{ "kmalloc", oomlab_kmalloc, free_kmalloc },
	{ "kvmalloc", oomlab_kvmalloc, free_kvmalloc },
	{ "dma_alloc_coherent", oomlab_dma_alloc_coherent, free_dma_alloc_coherent },
};

static const struct api *chosen;

/* Their bits differ from kernel to kernel: each is that of the kernel this is built against. */
static const struct {
	const char *name;
	gfp_t bits;
} flags[] = {
#define FLAG(name) { #name, name }
	FLAG(GFP_ATOMIC),
	FLAG(GFP_DMA),
	FLAG(GFP_DMA32),
	FLAG(GFP_HIGHUSER),
	FLAG(GFP_HIGHUSER_MOVABLE),
	FLAG(GFP_KERNEL),
	FLAG(GFP_KERNEL_ACCOUNT),
	FLAG(GFP_NOFS),
	FLAG(GFP_NOIO),
	FLAG(GFP_NOWAIT),
	FLAG(GFP_TRANSHUGE),
	FLAG(GFP_TRANSHUGE_LIGHT),
	FLAG(GFP_USER),
	FLAG(__GFP_ACCOUNT),
	FLAG(__GFP_COMP),
	FLAG(__GFP_DIRECT_RECLAIM),
	FLAG(__GFP_DMA),
	FLAG(__GFP_DMA32),
	FLAG(__GFP_FS),
	FLAG(__GFP_HARDWALL),
	FLAG(__GFP_HIGH),
	FLAG(__GFP_HIGHMEM),
	FLAG(__GFP_IO),
	FLAG(__GFP_KSWAPD_RECLAIM),
	FLAG(__GFP_MEMALLOC),
	FLAG(__GFP_MOVABLE),
	FLAG(__GFP_NOFAIL),
	FLAG(__GFP_NOMEMALLOC),
	FLAG(__GFP_NORETRY),
	FLAG(__GFP_NOWARN),
	FLAG(__GFP_RECLAIM),
	FLAG(__GFP_RECLAIMABLE),
	FLAG(__GFP_RETRY_MAYFAIL),
	FLAG(__GFP_THISNODE),
	FLAG(__GFP_WRITE),
	FLAG(__GFP_ZERO),
	FLAG(__GFP_ZEROTAGS),
};

static bool find_flag(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		if (strlen(flags[i].name) == length && !strncmp(flags[i].name, name, length)) {
			mask |= flags[i].bits;
			return true;
		}
	}
	pr_err(NAME ": this kernel has no gfp flag %.*s\n", (int)length, name);
	return false;
}

static bool parse_gfp(const char *names)
{
	while (*names) {
		size_t length = strcspn(names, "|");

		if (!find_flag(names, length))
			return false;
		names += length;
		names += *names == '|';
	}
	return true;
}

static bool find_api(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(apis); i++)
		if (!strcmp(apis[i].name, api))
			chosen = &apis[i];
	if (!chosen)
		pr_err(NAME ": no such api: %s\n", api);
	return chosen;
}

/* With nothing between the two looks at the clock but the call. */
static bool ask(struct piece *piece, s64 *latency_ns)
{
	unsigned int saved = in_reclaim ? memalloc_noreclaim_save() : 0;
	u64 start_ns = ktime_get_ns();
	bool given = chosen->get(piece);

	*latency_ns = ktime_get_ns() - start_ns;
	if (in_reclaim)
		memalloc_noreclaim_restore(saved);
	return given;
}

static ssize_t oomlab_allocate_read(struct file *file, char __user *buffer, size_t size, loff_t *offset)
{
	struct holder *holder = file->private_data;
	struct reply reply = { 0 };
	struct piece piece = { 0 };

	if (size != sizeof(reply))
		return -EINVAL;
	if (holder && holder->held == holder->room)
		return -ENOSPC;
	if (!ask(&piece, &reply.latency_ns))
		reply.error = ENOMEM;
	else if (chosen->get == oomlab_kvmalloc)
		reply.by_vmalloc = is_vmalloc_addr(piece.address);
	if (!reply.error && holder)
		holder->pieces[holder->held++] = piece;
	else if (!reply.error)
		chosen->put(&piece);
	return copy_to_user(buffer, &reply, sizeof(reply)) ? -EFAULT : sizeof(reply);
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t size, loff_t *offset)
{
	struct holder *holder;
	u64 room;

	if (size != sizeof(room) || file->private_data)
		return -EINVAL;
	if (copy_from_user(&room, buffer, sizeof(room)))
		return -EFAULT;
	if (!room || room > MOST_HELD)
		return -EINVAL;
	holder = kvzalloc(struct_size(holder, pieces, room), GFP_KERNEL);
	if (!holder)
		return -ENOMEM;
	holder->room = room;
	file->private_data = holder;
	return sizeof(room);
}

/* A misc device's own would point to the device. */
static int device_open(struct inode *inode, struct file *file)
{
	file->private_data = NULL;
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	struct holder *holder = file->private_data;

	while (holder && holder->held)
		chosen->put(&holder->pieces[--holder->held]);
	kvfree(holder);
	return 0;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = device_open,
	.read = oomlab_allocate_read,
	.write = device_write,
	.release = device_release,
};

static struct miscdevice misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "oomlab-allocate",
	.fops = &operations,
};

static int make_device(void)
{
	int error;

	if (chosen->get != oomlab_dma_alloc_coherent)
		return 0;
	device = platform_device_register_simple(NAME, PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	error = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	if (error)
		platform_device_unregister(device);
	return error;
}

static int __init start(void)
{
	int error;

	if (!find_api() || !parse_gfp(gfp))
		return -EINVAL;
	error = make_device();
	if (error)
		return error;
	error = misc_register(&misc);
	if (error && device)
		platform_device_unregister(device);
	return error;
}

static void __exit end(void)
{
	misc_deregister(&misc);
	if (device)
		platform_device_unregister(device);
}

module_init(start);
module_exit(end);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Requests for memory as a driver makes them, for oomlab's trigger allocate");
