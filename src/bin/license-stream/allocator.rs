//! Where memory comes from.

use tikv_jemallocator::Jemalloc;

/// Blocks, batches, messages and pages go from thread to thread here: what is made on one is freed on another. Into Kafka,
/// glibc's allocator takes a sixth of all the work more for that, and it keeps a heap for each thread. What is written
/// in C, such as librdkafka, uses this one too.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// How it is set up; `MALLOC_CONF` in the environment wins.
///
/// One arena, since each would keep what others could use, and none beside it for what is larger than 8 MiB, whose pages
/// would go back to the system at once. What is free goes back within two seconds: within half a second, much of it is asked for
/// again, and Parquet files take a twentieth longer for 10 MiB less.
#[allow(unsafe_code, reason = "jemalloc finds its settings by this name")]
// SAFETY: nothing else has the name, and jemalloc reads it as what it is: a pointer to text that ends with a zero.
#[unsafe(export_name = "malloc_conf")]
#[used]
static SETTINGS: &[u8; 51] = b"narenas:1,oversize_threshold:0,dirty_decay_ms:2000\0";
