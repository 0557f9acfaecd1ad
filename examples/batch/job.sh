#!/bin/bash
# Runs a notebook as a batch job that may be told to end before it is done.
#
#   sbatch --signal=B:TERM@120 job.sh NOTEBOOK REMOTE
#
# Slurm sends SIGTERM to this script two minutes before the time is over, and so do machines that are taken away. What is
# recorded goes to REMOTE (a name that `clew remote add` gave) as it comes; then the cell that runs is interrupted, what it
# did until then is recorded and pushed, and the job ends. The next job, or you at your desk, takes it up with
# `clew pull` and `%clew resume`.
set -u
notebook=$1 remote=$2
export CLEW_PUSH_WHEN_ENDED=always

clew watch "$remote" --all --every 5 --minutes 2 &
watch=$!
jupyter execute "$notebook" &
work=$!

end() {
    # The kernels are the children of what runs the notebook. They push and end; then it sees that they are gone.
    kill -TERM $(cat /proc/$work/task/*/children) 2>/dev/null
}
trap end TERM

# A signal ends a `wait`, and the next one goes on with it.
while kill -0 $work 2>/dev/null; do wait $work; code=$?; done
kill -TERM $watch
while kill -0 $watch 2>/dev/null; do wait $watch; done
exit $code
