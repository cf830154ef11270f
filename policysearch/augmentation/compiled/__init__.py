"""Operations as compiled loops: one pass over each image per operation.

Large images cost what their memory traffic costs, and torch makes several passes over float32 or int64 copies for one
operation; small ones cost the hundreds of calls per batch. Here one call takes a batch through all its steps, image by
image, so that an image stays in the processor's cache.

The loops are compiled by numba, an optional dependency (`pip install 'policysearch[fast]'`). It needs no compiler at
the user's, keeps what it has compiled, compiles for the machine's own vector instructions and releases the interpreter
lock. OpenCV would cover tables alone, and an extension of our own would have to be built for every platform.

Without numba, and on GPUs, torch does everything, with the same pixels: the loops repeat the rounding of
`policysearch.augmentation.kernels` step by step, so there is no fast-math.

`codes` numbers the operations, `pointwise` and `geometry` hold the loops, and `walk` calls them. `program` translates a
draw for it, and `loading` decides when it is used.
"""
