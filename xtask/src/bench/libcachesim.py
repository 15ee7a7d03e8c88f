"""libCacheSim's Clock over a binary trace, by its C engine.

Prints for each run: buffers, bits of the counter, hashpower, misses, millions of requests a second
of processor time.
"""

import sys
import time

import libcachesim

DEFAULT_HASHPOWER = 24
HASHPOWERS = (10, 12, 14, 16, 17, 18, 19, 20)


def run(path, requests, buffers, bits, hashpower):
    reader = libcachesim.TraceReader(
        path, libcachesim.TraceType.ORACLE_GENERAL_TRACE, libcachesim.ReaderInitParam()
    )
    clock = libcachesim.Clock(
        cache_size=buffers, hashpower=hashpower, init_freq=1, n_bit_counter=bits
    )
    started = time.process_time()
    miss_ratio, _ = clock.process_trace(reader)
    took = time.process_time() - started
    misses = round(miss_ratio * requests)
    print(buffers, bits, hashpower, misses, requests / took / 1e6, sep="\t", flush=True)


def main(path, requests, pools):
    for buffers in pools:
        for bits in (1, 2, 3):
            run(path, requests, buffers, bits, DEFAULT_HASHPOWER)
        for hashpower in HASHPOWERS:
            run(path, requests, buffers, 1, hashpower)


main(sys.argv[1], int(sys.argv[2]), [int(word) for word in sys.argv[3:]])
