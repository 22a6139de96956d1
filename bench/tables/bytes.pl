#!/usr/bin/perl
# What each kernel asks memory for, and how many instructions it takes, beside the least bytes that its work needs.
#
#     bench/tables/bytes.pl check BENCH [TABLE]   compares with the committed table
#     bench/tables/bytes.pl write BENCH [TABLE]   writes it
#
# BENCH is the program sluice_bench of a build with CUDA; the cases and their least bytes are its own (bench/kernels). SLUICE_VGPU
# names the folder of a virtual GPU, whose counters are read: bytes that lanes ask for, of global, shared and constant memory alike, so that
# words which many lanes share, and which a cache serves, count for each of them. A kernel above 1.15 times its least bytes must say
# why. Worse than a line are more bytes or more instructions, by more than one in a hundred.
use strict;
use warnings;
use File::Basename qw(dirname);
use FindBin;
use lib $FindBin::RealBin;
use Counters qw(use_virtual_gpu counters_of);

my $kAllowed = 1.15;    # times the least bytes, without a reason
my $kWorse   = 1.01;
my @kTypes   = qw(f32 bf16);
my @kColumns = qw(launches instructions read written least ratio why);

my ($mode, $bench, $table) = @ARGV;
die "usage: bytes.pl check|write BENCH [TABLE]\n" unless defined $bench && @ARGV <= 3 && $mode =~ /^(?:check|write)$/;
use_virtual_gpu();
$table //= dirname($0) . '/bytes.txt';
my $fix = "tests/run.sh --cuda; bench/tables/bytes.pl write build/cuda/bench/sluice_bench";

my @kRun = ('kernels', '--device', 'cuda', '--rehearse');

# [{name, type, kernels => {name => {least, why}}}] in the order of the program.
sub cases_of {
    my ($type) = @_;
    my @cases;
    open my $pipe, '-|', $bench, @kRun, '--type', $type, '--list' or die "bytes.pl: cannot run $bench: $!\n";
    while (<$pipe>) {
        chomp;
        my ($what, $name, $least, $why) = split /\t/;
        if ($what eq 'case') {
            push @cases, {name => $name, type => $type, kernels => {}};
        } else {
            $cases[-1]{kernels}{$name} = {least => $least, why => $why // ''};
        }
    }
    close $pipe or die "bytes.pl: $bench @kRun --type $type --list failed\n";
    return @cases;
}

# The kernel's own name in _ZN6sluice4cuda<n>_GLOBAL__N_...<m>name...: the counters cut long names off.
sub kernel_name {
    my ($mangled) = @_;
    my ($length, $rest) = $mangled =~ /^_ZN6sluice4cuda(\d+)(_GLOBAL_.*)/ or die "bytes.pl: cannot read the name $mangled\n";
    my ($own, $name) = substr($rest, $length) =~ /^(\d+)(.*)/ or die "bytes.pl: cannot read the name $mangled\n";
    return substr $name, 0, $own;
}

# {kernel}{launches ...} of one run of the program, which makes its batches before it runs the case of that name, if there is one.
sub counters_of_case {
    my ($type, $only) = @_;
    my $by_mangled = counters_of($bench, @kRun, '--type', $type, '--only', $only);
    my %counters;
    for my $mangled (keys %$by_mangled) {
        my $k = $counters{kernel_name($mangled)} //= {};
        $k->{$_} += $by_mangled->{$mangled}{$_} for keys %{$by_mangled->{$mangled}};
    }
    return \%counters;
}

# Runs a case once and fills in what its kernels counted; $before is what the making of its batches counts.
sub count {
    my ($case, $before) = @_;
    my $counters = counters_of_case($case->{type}, $case->{name});
    for my $name (keys %$counters) {
        my ($all, $earlier) = ($counters->{$name}, $before->{$name} // {});
        next if $all->{launches} == ($earlier->{launches} // 0);
        my $k = $case->{kernels}{$name} or die "bytes.pl: $case->{name} launches $name; bench/kernels must say its least bytes\n";
        $k->{$_} = $all->{$_} - ($earlier->{$_} // 0) for keys %$all;
    }
    for my $name (sort keys %{$case->{kernels}}) {
        my $k = $case->{kernels}{$name};
        $k->{launches} or die "bytes.pl: $case->{name} launches no $name, as bench/kernels has it\n";
        $k->{ratio} = sprintf '%.2f', ($k->{read} + $k->{written}) / $k->{least};
        $k->{why} = '' if $k->{ratio} <= $kAllowed;
    }
}

sub write_table {
    my (@cases) = @_;
    open my $out, '>', "$table.tmp" or die "bytes.pl: cannot write $table.tmp: $!\n";
    print $out "# Of each case of bench/kernels, in its small sizes, and each kernel that it launches: launches, instructions of warps, bytes that\n",
        "# lanes ask for and write, the least bytes of its work, their ratio, and why it is above $kAllowed. Counted by a virtual GPU; made by:\n",
        "# $fix\n", join("\t", qw(case kernel), @kColumns), "\n";
    for my $case (@cases) {
        for my $name (sort keys %{$case->{kernels}}) {
            print $out join("\t", $case->{name}, $name, map { $case->{kernels}{$name}{$_} } @kColumns), "\n";
        }
    }
    close $out and rename "$table.tmp", $table or die "bytes.pl: cannot write $table: $!\n";
}

sub read_table {
    my %lines;
    open my $in, '<', $table or die "bytes.pl: cannot read $table: $!\n";
    while (<$in>) {
        chomp;
        next if /^#|^case\t/;
        my ($case, $kernel, @values) = split /\t/;
        my %k;
        @k{@kColumns} = @values;
        $lines{"$case: $kernel"} = \%k;
    }
    return %lines;
}

sub check {
    my (@cases) = @_;
    my %lines  = read_table();
    my @faults;
    for my $case (@cases) {
        for my $name (sort keys %{$case->{kernels}}) {
            my ($k, $where) = ($case->{kernels}{$name}, "$case->{name}: $name");
            my $line = delete $lines{$where};
            if (!$line) {
                push @faults, "$where: has no line";
                next;
            }
            push @faults, "$where: $k->{instructions} instructions, were $line->{instructions}"
                if $k->{instructions} > $kWorse * $line->{instructions};
            push @faults, sprintf('%s: %d bytes, were %d', $where, $k->{read} + $k->{written}, $line->{read} + $line->{written})
                if $k->{read} + $k->{written} > $kWorse * ($line->{read} + $line->{written});
        }
    }
    push @faults, "$_: has a line but is no longer run" for sort keys %lines;
    return @faults;
}

my @cases;
for my $type (@kTypes) {
    my $before = counters_of_case($type, 'none');
    for my $case (cases_of($type)) {
        count($case, $before);
        push @cases, $case;
    }
}
my @faults = map { my $case = $_; map { "$case->{name}: $_: $case->{kernels}{$_}{ratio} times its least bytes and no reason; bench/kernels must give it" }
    grep { my $k = $case->{kernels}{$_}; $k->{ratio} > $kAllowed && $k->{why} eq '' } sort keys %{$case->{kernels}} } @cases;
if ($mode eq 'write') {
    write_table(@cases);
} else {
    push @faults, check(@cases);
}
print "$_\n" for @faults;
print "bytes.pl: ", scalar @faults, " faults; where $table is merely behind, renew it: $fix\n" if @faults;
printf "bytes.pl: %d cases counted\n", scalar @cases;
exit(@faults ? 1 : 0);
