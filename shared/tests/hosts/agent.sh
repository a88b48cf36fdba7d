#!/bin/sh
# What mpirun calls in place of ssh, as `agent.sh HOST COMMAND...`: runs the command on one of the test's hosts. The folder
# $HOSTS has a file for each, with the process that holds its namespaces, and a folder `tmp` that each host has its own of.
host=$1
shift
TMPDIR=$HOSTS/tmp exec nsenter --target "$(cat "$HOSTS/$host")" --net --uts --mount sh -c "$*"
