#!/usr/bin/perl
# What the loop over time of each persistent kernel holds, read from its machine code: where R lives, and what a step costs.
#
#     bench/tables/sass.pl check BUILD [TABLE]   compares the targets that BUILD compiled with the committed table
#     bench/tables/sass.pl write BUILD [TABLE]   writes their figures into it
#
# BUILD is a build folder with kernels compiled; NVDISASM names nvdisasm (of the CUDA toolkit, or of the Python package
# nvidia-cuda-nvdisasm) where it is not in PATH. The loop over time is a kernel's longest one. In it there may be no load of R
# from global memory (by the source line that an instruction comes from) and no local memory.
# Equal to the model of a step, step_counts(), is what compilers leave as it is written: barriers, asynchronous fetches, writes to global
# memory, and products with what registers hold of R: each kernel's first number is register_k, of a thread and output in f32, else
# of a warp (Note [Product]); in 16 bits also the bytes of shared memory that those read. Products with what shared memory holds are
# whole chunks of k, as many as that loop is unrolled by. Other loads and stores compilers split, join, copy and hoist, and they
# name no one line: those are held against the table alone.
# Worse than its line is a loop with more loads, stores or barriers. A table made by another nvcc is not compared.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp;
use FindBin;
use lib $FindBin::RealBin;
use Cubin qw(objects_of slurp images_of short_names nvcc_of read_table);

my $kFamily = 'recurrence_persistent';
my $kSources = "$FindBin::RealBin/../../kernels/$kFamily";    # where a compiler cache names a folder that is gone
my @kRows   = (8, 4, 2);    # of the tiles that a product in f32 is compiled for
my $kMmaK   = 16;           # of one tensor core product
my $kClusters = 90;         # the first target that has them: before, their kernels are empty
# In the loop, by the model of a step. Barriers: of flags to wait and to publish; two of a tile. Fetched: x_pre; gates, dy and c, which is
# of the step before, of c0 or zero, or a GRU's h from y. Written: of flags what is published and the flag, of a cluster a lost block,
# which each thread finds for itself, and backward's d_slots; the last states; forward's slots, c and y after a tile and after all.
my %kModel = (
    'forward Lstm Flag'  => {barriers => 2 + 2, fetched => 4, written => 1 + 1 + 2 + 2 * (4 + 1 + 1)},
    'forward Gru Flag'   => {barriers => 2 + 2, fetched => 3, written => 1 + 1 + 1 + 2 * (4 + 1)},
    'backward Lstm Flag' => {barriers => 2 + 2, fetched => 4 + 1 + 3, written => 4 + 1 + 2},
    'backward Gru Flag'  => {barriers => 2 + 2, fetched => 4 + 1 + 1, written => 4 + 1 + 1},
    'forward Lstm Cluster'  => {barriers => 2, fetched => 4, written => 1 + 2 + 2 * (4 + 1 + 1)},
    'forward Gru Cluster'   => {barriers => 2, fetched => 3, written => 1 + 1 + 2 * (4 + 1)},
    'backward Lstm Cluster' => {barriers => 2, fetched => 4 + 1 + 3, written => 4 + 1 + 2},
    'backward Gru Cluster'  => {barriers => 2, fetched => 4 + 1 + 1, written => 4 + 1 + 1},
);
# Column => instructions.
my %kCounted = (
    fma      => qr/^FFMA/,
    mma      => qr/^HMMA/,
    shared   => qr/^(?:LDS|LDSM)\b/,
    stored   => qr/^STS\b/,
    global   => qr/^(?:LDG|LD)\b/,
    fetched  => qr/^LDGSTS\b/,
    written  => qr/^(?:STG|ST|RED|ATOM|ATOMG)\b/,
    barriers => qr/^BAR\b/,
    local    => qr/^(?:LDL|STL)\b/,
);
my @kColumns = qw(fma mma shared stored global fetched gathered written barriers local);
my @kWorse   = qw(shared stored global fetched written barriers local);

my ($mode, $build, $table) = @ARGV;
die "usage: sass.pl check|write BUILD [TABLE]\n" unless defined $build && @ARGV <= 3 && $mode =~ /^(?:check|write)$/;
$table //= dirname($0) . '/sass.txt';
my $nvdisasm = $ENV{NVDISASM} // 'nvdisasm';
my $fix      = "tests/run.sh --all-targets; bench/tables/sass.pl write build/targets";

# {mangled name => [[address, instruction, [file:line and whence it was inlined]]]}, {name => {label => address}} of an ELF image.
sub disassemble {
    my ($image) = @_;
    my $file = File::Temp->new;
    binmode $file;
    print $file $image;
    close $file;
    open my $in, '-|', $nvdisasm, '-gi', '-c', "$file"
        or die "sass.pl: cannot run $nvdisasm: $!; install the CUDA toolkit or nvidia-cuda-nvdisasm of the Python index and set NVDISASM\n";
    my (%code, %labels, @places, @waiting, $name, $listed);
    while (<$in>) {
        if (/^\.text\.(\S+):/) {
            $name = $1;
        } elsif (/^(\.L_\w+):/) {
            push @waiting, $1;
        } elsif (m{^\s*//## File "([^"]+)", line (\d+)(?: inlined at "([^"]+)", line (\d+))?}) {
            @places = () if $listed;
            $listed = 0;
            push @places, "$1:$2", defined $3 ? "$3:$4" : ();
        } elsif (m{^\s*/\*([0-9a-f]+)\*/\s+(.*?)\s*;}) {
            my ($address, $instruction) = (hex $1, $2 =~ s/^\@!?U?P\w+\s+//r);
            $labels{$name}{$_} = $address for @waiting;
            @waiting = ();
            push @{$code{$name}}, [$address, $instruction, [@places]];
            $listed = 1;
        }
    }
    close $in or die "sass.pl: $nvdisasm failed\n";
    return (\%code, \%labels);
}

# The instructions of the longest loop: from the target of the farthest jump back to that jump.
sub longest_loop {
    my ($code, $labels) = @_;
    my ($first, $last) = (0, -1);
    for (@$code) {
        my ($address, $instruction) = @$_;
        my ($label) = $instruction =~ /^BRA.*`\((\.L_\w+)\)/ or next;
        my $to = $labels->{$label} // next;
        ($first, $last) = ($to, $address) if $to < $address && $address - $to > $last - $first;
    }
    return grep { $_->[0] >= $first && $_->[0] <= $last } @$code;
}

# Whether the family's source at one of the places matches; what it captures.
my %sources;
sub source_matches {
    my ($pattern, @places) = @_;
    for (@places) {
        my ($file, $line) = /^(.*):(\d+)$/;
        next unless $file =~ m{/\Q$kFamily\E/([^/]+)$};
        $sources{$file} //= [split /\n/, slurp(-e $file ? $file : "$kSources/$1")];
        return $1 // 1 if ($sources{$file}[$line - 1] // '') =~ $pattern;
    }
    return 0;
}
sub reads_R { return source_matches(qr/\bR\(/, @_) }

# What is wrong with the loop's products, in words.
sub wrong_products {
    my ($type, $outputs, $register_k, @loop) = @_;
    my $f32 = $type eq 'float';
    my (%held, %others, @faults);    # by rows of the tile
    my $operands = 0;
    for (@loop) {
        my (undef, $instruction, $places) = @$_;
        next unless grep { m{/product_\w+\.cuh:} } @$places;
        my $of_held = source_matches(qr/add\(.*\bweights_\[i\]/, @$places);
        my $rows    = $f32 ? source_matches(qr/\bmultiply<(\d+)>\(/, @$places) : 8;
        $operands += ($1 // 32) / 8 if $of_held && $instruction =~ /^LDS(?:\.(\d+))?\s/;
        ($of_held ? \%held : \%others)->{$rows}++ if $instruction =~ ($f32 ? $kCounted{fma} : $kCounted{mma});
    }
    for my $rows ($f32 ? @kRows : 8) {
        my ($held, $others) = ($held{$rows} // 0, $others{$rows} // 0);
        my $model = $f32 ? $outputs * $register_k * $rows : $register_k / $kMmaK;
        my $chunk = $f32 ? $outputs * 4 * $rows : 2;
        # What products of 4 and of 2 rows begin with, up to a chunk, may be compiled once.
        my $shared = $f32 && $rows < 4 ? $chunk : 0;
        push @faults, "$held products of $rows rows with what registers hold of R, $model by the model"
            if $held > $model || $held < $model - $shared;
        push @faults, "$others products of $rows rows with what shared memory holds of R, in chunks of $chunk" if !$others || $others % $chunk;
    }
    push @faults, "$operands bytes of a lane read for what registers hold of R, " . $register_k / 2 . " by the model"
        if !$f32 && $operands != $register_k / 2;
    return @faults;
}

# The figures of one kernel's loop, and what is wrong with it in words.
sub figures_of {
    my ($name, $sm, $code, $labels) = @_;
    my @loop = longest_loop($code, $labels);
    my %k = map { $_ => 0 } @kColumns;
    return \%k if $name =~ /ClusterExchange/ && $sm < $kClusters;
    my $of_R = 0;
    for (@loop) {
        my ($address, $instruction, $places) = @$_;
        # A gather's copies, of either width and as often as its loop is unrolled, are no fetches ahead.
        my $gathers = $instruction =~ $kCounted{fetched} && grep { m{/gather\.cuh:} } @$places;
        $instruction =~ $kCounted{$_} and $k{$gathers ? 'gathered' : $_}++ for keys %kCounted;
        $of_R++ if $instruction =~ $kCounted{global} && reads_R(@$places);
    }
    my @faults;
    push @faults, "no load of R anywhere: do its instructions name their source lines (-lineinfo)?"
        unless grep { $_->[1] =~ $kCounted{global} && reads_R(@{$_->[2]}) } @$code;
    push @faults, "$of_R loads of R in the loop over time" if $of_R;
    push @faults, "local memory in the loop over time" if $k{local};
    my ($pass, $cell, $type, $register_k, $exchange) = $name =~ /persistent_(\w+)<(\w+), (\w+), (\d+), (\w+)Exchange/ or return (\%k, @faults, "what pass is it of?");
    my $model = $kModel{"$pass $cell $exchange"} // return (\%k, @faults, "there is no model of it");
    push @faults, map { "$_ $k{$_}, $model->{$_} by the model" } grep { $k{$_} != $model->{$_} } sort keys %$model;
    push @faults, wrong_products($type, $pass eq 'forward' && $cell eq 'Gru' ? 3 : 4, $register_k, @loop);
    return (\%k, @faults);
}

# {kernel}{number of the target} and faults of all objects of BUILD, and nvcc's version.
sub read_build {
    my (%found, @faults, $nvcc);
    for (grep { $_->[0] eq $kFamily } objects_of($build)) {
        my $bytes = slurp($_->[1]);
        $nvcc //= nvcc_of($bytes);
        for (images_of($bytes)) {
            my ($sm, $image) = @$_;
            my ($code, $labels) = disassemble($image);
            my @mangled = sort keys %$code;
            my @names   = short_names($kFamily, @mangled);
            for my $i (0 .. $#names) {
                my ($k, @wrong) = figures_of($names[$i], $sm, $code->{$mangled[$i]}, $labels->{$mangled[$i]} // {});
                $found{$names[$i]}{$sm} = $k;
                push @faults, map { "$names[$i] sm_$sm: $_" } @wrong;
            }
        }
    }
    %found or die "sass.pl: no machine code of $kFamily in $build: nvcc may have compressed it (--compress-mode=none)\n";
    return (\%found, \@faults, $nvcc // 'unknown');
}

sub write_table {
    my ($found, $nvcc) = @_;
    open my $out, '>', "$table.tmp" or die "sass.pl: cannot write $table.tmp: $!\n";
    print $out "# Instructions of machine code in the loop over time of each persistent kernel: f32 FMAs, tensor core products, loads from and\n",
        "# stores to shared memory, loads from global memory, asynchronous fetches, those of gathers, writes to global memory, barriers, local\n",
        "# memory. Made by:\n",
        "# $fix\n# nvcc $nvcc\n", join("\t", 'kernel', 'target', @kColumns), "\n";
    for my $kernel (sort keys %$found) {
        print $out join("\t", $kernel, "sm_$_", @{$found->{$kernel}{$_}}{@kColumns}), "\n" for sort { $a <=> $b } keys %{$found->{$kernel}};
    }
    close $out and rename "$table.tmp", $table or die "sass.pl: cannot write $table: $!\n";
}

# What is worse in a kernel than in its line, in words.
sub compare {
    my ($found) = @_;
    my ($lines, $made_by) = read_table($table, @kColumns);
    return () if $made_by ne $_[1];
    my @faults;
    for my $kernel (sort keys %$found) {
        for my $target (sort { $a <=> $b } keys %{$found->{$kernel}}) {
            my ($k, $line) = ($found->{$kernel}{$target}, $lines->{$target}{$kernel});
            push @faults, "$kernel sm_$target: has no line" unless $line;
            push @faults, map { "$kernel sm_$target: $_ $k->{$_}, was $line->{$_}" } grep { $k->{$_} > $line->{$_} } @kWorse if $line;
        }
    }
    return @faults;
}

my ($found, $faults, $nvcc) = read_build();
if ($mode eq 'write') {
    write_table($found, $nvcc);
} else {
    push @$faults, compare($found, $nvcc);
}
print "$_\n" for @$faults;
if (@$faults) {
    printf "sass.pl: %d faults against %s; if they are meant to be, renew it: %s\n", scalar @$faults, $table, $fix;
    exit 1;
}
printf "sass.pl: the loops over time of %d kernels keep R on the chip and are the model's\n", scalar keys %$found;
