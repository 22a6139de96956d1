#!/usr/bin/perl
# Holds what a step of the persistent kernels asks memory for, counted by a virtual GPU, against their model, step_counts().
#
#     bench/tables/steps.pl PROGRAM
#
# PROGRAM is persistent_steps of a build with CUDA; SLUICE_VGPU names the folder of a virtual GPU. A step is the growth of the counters
# from passes of T steps to passes of 2 T, so that what is done once does not count: R is read then, and no step has room for it.
#
# Bytes written are the model's to the last: what is published, gathered into the tile, its partial sums, results, and four for each flag
# that is set; so publications, gathers and releases are as many as it says. Bytes read are more than the model's by lookups of places
# and parameters, which every thread makes alike, and by looks at flags while a block waits. So each shape has a larger sister, with as
# many rows and units to a block: what a block of hers reads beyond its own is of the sum over k alone, and the model's: what is
# gathered, and for each product, an FMA or an mma, its operands and what of R lies in shared memory. Were R read from global memory
# again, it would be a fifth more at least. Barriers move no bytes: sass.pl has them.
use strict;
use warnings;
use File::Basename qw(dirname);
use lib dirname(__FILE__);    # Debian's perl-base has no FindBin
use Counters qw(use_virtual_gpu counters_of);

my $kSteps   = 2;
my $kOff     = 0.02;    # of bytes read
my @kFigures = qw(blocks in_registers read written);
# cell, type, exchange, sequences, directions; [multiprocessors, H] with all of R in registers, and with a part in shared memory (but
# for bf16 in clusters, whose teams of 8 blocks have room for all of it).
my @kCases = (
    ['lstm', 'f32',  'flags',   11, 1, [4, 128], [8,  256]],    # a team; tiles of 8 and 3 rows
    ['lstm', 'f32',  'flags',   8,  2, [8, 128], [16, 256]],
    ['lstm', 'f32',  'flags',   16, 1, [8, 128], [16, 256]],    # two groups
    ['lstm', 'bf16', 'flags',   11, 1, [8, 256], [17, 544]],
    ['gru',  'f32',  'flags',   11, 1, [4, 128], [8,  256]],
    ['gru',  'bf16', 'flags',   11, 1, [8, 256], [22, 704]],
    ['lstm', 'f32',  'cluster', 11, 1, [5, 128], [9,  256]],
    ['lstm', 'bf16', 'cluster', 24, 1, [5, 128], [9,  256]],    # rows enough that each thread sends, and looks up where to
    ['gru',  'f32',  'cluster', 11, 1, [5, 128], [9,  256]],
);

my ($program) = @ARGV;
die "usage: steps.pl PROGRAM\n" unless @ARGV == 1;
use_virtual_gpu();

# {forward, backward}{figure}, by the model.
sub model_of {
    my (@layer) = @_;
    my %model;
    open my $pipe, '-|', $program, 'model', @layer or die "steps.pl: cannot run $program: $!\n";
    while (my $line = <$pipe>) {
        chomp $line;
        my ($pass, @values) = split /\t/, $line;
        @{$model{$pass}}{@kFigures} = @values;
    }
    close $pipe or die "steps.pl: $program model @layer failed\n";
    return \%model;
}

# {forward, backward}{read, written} of a step of all blocks, counted.
sub count {
    my (@layer) = @_;
    my %grown;
    for my $times (1, 2) {
        my $counters = counters_of($program, 'run', @layer, $times * $kSteps);
        for my $mangled (keys %$counters) {
            my ($pass) = $mangled =~ /persistent_(forward|backward)/ or next;
            $grown{$pass}{$_} += ($times == 2 ? 1 : -1) * $counters->{$mangled}{$_} / $kSteps for qw(read written);
        }
    }
    keys %grown == 2 or die "steps.pl: $program run @layer launched no such kernels\n";
    return \%grown;
}

my $compared = 0;

# What is wrong in words, where it is.
sub compare {
    my ($what, $counted, $model, $off) = @_;
    $compared++;
    printf "%-45s counted %9.0f, model %9.0f\n", $what, $counted, $model;
    return abs($counted - $model) <= $off * $model ? () : "$what: counted $counted bytes, by the model $model";
}

my @faults;
for my $case (@kCases) {
    my ($cell, $type, $exchange, $sequences, $directions, @shapes) = @$case;
    my $all_held = $type eq 'bf16' && $exchange eq 'cluster';
    my (@counted, @model);
    for (@shapes) {
        (local $ENV{VGPU_SMS}, my $hidden) = @$_;
        my @layer = ($cell, $type, $exchange, $hidden, $sequences, $directions);
        push @model,   model_of(@layer);
        push @counted, count(@layer);
        push @faults, map { compare("$_ @layer written", $counted[-1]{$_}{written}, $model[-1]{$_}{written}, 0) } qw(forward backward);
    }
    for my $pass (qw(forward backward)) {
        my ($less, $more) = map { $_->{$pass} } @model;
        push @faults, "$pass @$case[0 .. 4]: R does not lie where the case means it to"
            unless $less->{in_registers} == 1 && ($more->{in_registers} < 1) == !$all_held;
        my ($counted, $model) = map { $_->[1]{$pass}{read} / $more->{blocks} - $_->[0]{$pass}{read} / $less->{blocks} } \@counted, \@model;
        push @faults, compare("$pass @$case[0 .. 4] read beyond, a block", $counted, $model, $kOff);
    }
}
print "steps.pl: $_\n" for @faults;
print "steps.pl: $compared figures of steps\n";
exit(@faults ? 1 : 0);
