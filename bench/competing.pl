#!/usr/bin/perl
# How much slower a recurrent layer is on the CPU while another process keeps one core busy: the ratio of medians, runs alternating.
#
#     bench/competing.pl PROGRAM [ROUNDS [OPTION...]]    PROGRAM: sluice_bench; ROUNDS: 7; OPTION...: of lstm_layer
use strict;
use warnings;
use File::Temp qw(tempdir);

my ($program, $rounds, @options) = @ARGV;
die "usage: competing.pl PROGRAM [ROUNDS [OPTION...]]\n" unless defined $program && ($rounds //= 7) =~ /^[1-9]\d*$/;
my $folder = tempdir(CLEANUP => 1);

# {case, contender => [seconds]} of one run.
sub measure {
    my ($into) = @_;
    system("'$program' lstm_layer --out '$folder/times' @options >'$folder/log'") == 0 or die "competing.pl: $program failed\n";
    open my $in, '<', "$folder/times.csv" or die "competing.pl: $folder/times.csv: $!\n";
    while (<$in>) {
        my (undef, $case, $contender, undef, $seconds) = split /,/;
        push @{$into->{"$case $contender"}}, $seconds + 0 if defined $seconds && $seconds =~ /^\d/;
    }
}

# The same while a process spins on the last core.
sub measure_beside {
    my ($into) = @_;
    my $parent     = $$;
    my $competitor = fork // die "competing.pl: fork: $!\n";
    if ($competitor == 0) {
        1 while getppid == $parent;
        exit;
    }
    my ($core) = `nproc` - 1;
    system("taskset -cp $core $competitor >'$folder/log'") == 0 or die "competing.pl: taskset failed\n";  # the competitor ends with us
    my $done = eval { measure($into); 1 };
    kill 'KILL', $competitor;
    waitpid $competitor, 0;
    die $@ unless $done;
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return $sorted[$#sorted / 2];
}

my (%alone, %beside);
for (1 .. $rounds) {
    measure(\%alone);
    measure_beside(\%beside);
}
printf "%-40s %10s %10s %6s\n", 'case', 'alone ms', 'beside ms', 'ratio';
for my $case (sort keys %alone) {
    my @beside = sort { $a <=> $b } @{$beside{$case}};
    my ($alone, $beside) = (median(@{$alone{$case}}), median(@beside));
    printf "%-40s %10.2f %10.2f %6.2f   (%.2f to %.2f)\n", $case, 1e3 * $alone, 1e3 * $beside, $beside / $alone,
        $beside[0] / $alone, $beside[-1] / $alone;
}
