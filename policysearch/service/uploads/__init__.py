"""Own data: uploads streamed to disk, and checked in a process that can do no harm before anything else reads them."""
