#!/usr/bin/perl
# The table of README.md: what a step of each version costs, by formulas, by a virtual GPU's counters and by the model.
#
#     bench/study/lstm/table.pl check PROGRAM [PAGE]   compares with the committed page
#     bench/study/lstm/table.pl write PROGRAM [PAGE]   writes its rows
#
# PROGRAM is lstm_study of a build with CUDA; SLUICE_VGPU names the folder of a virtual GPU. Bytes are those that all lanes read and
# write in a step, of global and shared memory alike: the growth of the counters from passes of 2 steps to passes of 6, so that what is
# done once does not count. Counters may be off their line by one in a hundred, blocks that wait look at flags more or less often,
# and off the formulas, which know of no flags and no lengths, by one in fifty.
use strict;
use warnings;
use File::Basename qw(dirname);
use FindBin;
use lib "$FindBin::RealBin/../../tables";
use Counters qw(use_virtual_gpu counters_of);

my ($kH, $kB, $kMultiprocessors, $kFew, $kMany) = (128, 32, 32, 2, 6);    # of what is counted
my @kModelled = (512, 64, 132);                                           # H, B and the H100's multiprocessors
my ($kOffLine, $kOffFormula) = (0.01, 0.02);

my ($mode, $program, $page) = @ARGV;
die "usage: table.pl check|write PROGRAM [PAGE]\n" unless defined $program && @ARGV <= 3 && $mode =~ /^(?:check|write)$/;
use_virtual_gpu();
$page //= dirname($0) . '/README.md';
my $fix = "tests/run.sh --cuda; bench/study/lstm/table.pl write build/cuda/bench/study/lstm/lstm_study";

# {version}{launches, global, shared, equal, ragged}, and the versions in their order.
sub model {
    my (@shape) = @_;
    my (%model, @order);
    open my $pipe, '-|', $program, 'model', @shape or die "table.pl: cannot run $program: $!\n";
    while (<$pipe>) {
        chomp;
        my ($version, @values) = split /\t/;
        @{$model{$version}}{qw(launches global shared equal ragged)} = @values;
        push @order, $version;
    }
    close $pipe or die "table.pl: $program model failed\n";
    return (\%model, @order);
}

# Bytes read and written by all kernels of a pass.
sub bytes_of_pass {
    my ($version, $steps) = @_;
    local $ENV{VGPU_SMS} = $kMultiprocessors;
    my $bytes = 0;
    $bytes += $_->{read} + $_->{written} for values %{counters_of($program, 'run', $version, $kH, $kB, $steps)};
    return $bytes;
}

# {version => [cells]} and faults.
sub rows {
    my ($bytes, @versions) = model($kH, $kB, $kMultiprocessors);
    my ($times) = model(@kModelled);
    my (%rows, @faults);
    for my $v (@versions) {
        my $counted = (bytes_of_pass($v, $kMany) - bytes_of_pass($v, $kFew)) / ($kMany - $kFew);
        my $formula = $bytes->{$v}{global} + $bytes->{$v}{shared};
        push @faults, "$v: counted $counted bytes a step, by the formulas of model.cpp $formula"
            if abs($counted - $formula) > $kOffFormula * $formula;
        $rows{$v} = [$bytes->{$v}{launches}, (map { sprintf '%.0f', $_ / 1000 } @{$bytes->{$v}}{qw(global shared)}, $counted),
            @{$times->{$v}}{qw(equal ragged)}];
    }
    return (\%rows, @faults);
}

sub differs {
    my ($counted, $row, $line) = @_;
    return @$row != @$line || grep { $_ == $counted ? abs($row->[$_] - $line->[$_]) > $kOffLine * $line->[$_] : $row->[$_] ne $line->[$_] } 0 .. $#$row;
}

my ($rows, @faults) = rows();
open my $in, '<', $page or die "table.pl: cannot read $page: $!\n";
my @lines = <$in>;
close $in;
my %missing = map { $_ => 1 } keys %$rows;
for my $line (@lines) {
    my ($version, $cells) = $line =~ /^\| (v\d+_\w+) \|(.*)\|$/ or next;
    my $row = $rows->{$version} or push(@faults, "$version: has a row but is no version"), next;
    delete $missing{$version};
    if ($mode eq 'write') {
        $line = join(' | ', "| $version", @$row) . " |\n";
    } elsif (differs(3, $row, [map { s/^ +| +$//gr } split /\|/, $cells])) {
        push @faults, "$version: is @$row, the page has$cells";
    }
}
push @faults, map { "$_: has no row" } sort keys %missing;
if ($mode eq 'write') {
    open my $out, '>', "$page.tmp" or die "table.pl: cannot write $page.tmp: $!\n";
    print $out @lines;
    close $out and rename "$page.tmp", $page or die "table.pl: cannot write $page: $!\n";
}
print "$_\n" for @faults;
print "table.pl: ", scalar @faults, " faults; where $page is merely behind, renew it: $fix\n" if @faults;
printf "table.pl: %d versions\n", scalar keys %$rows;
exit(@faults ? 1 : 0);
