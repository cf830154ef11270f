"""Who runs when and where: places, the queue, the processes of jobs and how their ends are booked."""
