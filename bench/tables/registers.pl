#!/usr/bin/perl
# What ptxas gave each kernel: registers, static shared memory, local memory, occupancy, by target.
#
#     bench/tables/registers.pl check BUILD [TABLE]   compares the targets that BUILD compiled with the committed table
#     bench/tables/registers.pl write BUILD [TABLE]   writes their figures into it
#
# BUILD is a build folder with kernels compiled; the figures are read from the machine code in its objects (the attributes
# that cuobjdump --dump-resource-usage prints). A kernel is worse than its line with more registers, more shared or local
# memory or less occupancy. Local memory is what spills and indexed arrays take; the kernels of a recurrence may have none.
# A table made by another nvcc is not compared: ptxas differs from release to release.
use strict;
use warnings;
use File::Basename qw(dirname);
use FindBin;
use lib $FindBin::RealBin;
use Cubin qw(objects_of slurp string_at images_of sections_of short_names nvcc_of read_table);

# What an SM has, by compute capability: CUDA programming guide, technical specifications. Registers are dealt to a warp by 256,
# shared memory to a block by 128 bytes on top of 1 KB of the system's own.
my %kLimits = (
    80  => {warps => 64, blocks => 32, shared => 164 << 10},
    86  => {warps => 48, blocks => 16, shared => 100 << 10},
    89  => {warps => 48, blocks => 24, shared => 100 << 10},
    90  => {warps => 64, blocks => 32, shared => 228 << 10},
    100 => {warps => 64, blocks => 32, shared => 228 << 10},
    103 => {warps => 64, blocks => 32, shared => 228 << 10},
    120 => {warps => 48, blocks => 24, shared => 100 << 10},
);
my $kRegistersOfSm  = 65536;
my $kSystemShared   = 1024;
my $kNeverLocal     = qr{^recurrence};
my ($kInfoRegisters, $kInfoFrame, $kInfoThreads) = (0x2f, 0x11, 0x05);
my @kColumns        = qw(threads registers shared local occupancy);

my ($mode, $build, $table) = @ARGV;
usage() unless defined $build && @ARGV <= 3 && $mode =~ /^(?:check|write)$/;
$table //= dirname($0) . '/registers.txt';
my $fix = "tests/run.sh --all-targets && bench/tables/registers.pl write build/targets";

sub usage {
    die "usage: registers.pl check|write BUILD [TABLE]\n";
}

# Calls f(attribute, words) for the attributes of a section .nv.info that carry words.
sub for_attributes {
    my ($bytes, $f) = @_;
    for (my $at = 0; $at + 4 <= length $bytes;) {
        my ($format, $attribute, $size) = unpack 'CCv', substr($bytes, $at, 4);
        $at += 4;
        next if $format != 4;    # its value is $size itself
        $f->($attribute, unpack 'V*', substr($bytes, $at, $size));
        $at += $size;
    }
}

# Occupancy in percent; 0 threads: the kernel states no bound.
sub occupancy {
    my ($sm, $k) = @_;
    return '-' unless $k->{threads};
    my $limits = $kLimits{$sm} or die "registers.pl: the limits of sm_$sm are not in its table; add them\n";
    my $warps  = int(($k->{threads} + 31) / 32);
    my $of_warp  = int(($k->{registers} * 32 + 255) / 256) * 256 || 256;
    my $of_block = int(($k->{shared} + 127) / 128) * 128 + $kSystemShared;
    my $blocks   = $limits->{blocks};
    for my $bound (int($limits->{warps} / $warps), int(int($kRegistersOfSm / $of_warp) / $warps), int($limits->{shared} / $of_block)) {
        $blocks = $bound if $bound < $blocks;
    }
    return int(100 * $blocks * $warps / $limits->{warps} + 0.5);
}

# The kernels of an ELF image, by mangled name.
sub kernels_of_image {
    my ($sm, $image) = @_;
    my %by_name = sections_of($image);
    my $content = sub { substr $image, $_[0][2], $_[0][3] };
    my %kernels;
    for my $section (keys %by_name) {
        my ($kernel) = $section =~ /^\.nv\.info\.(.+)/ or next;
        my $k      = $kernels{$kernel} = {threads => 0, shared => 0, registers => 0, local => 0};
        for_attributes($content->($by_name{$section}), sub {
            my ($attribute, @words) = @_;
            $k->{threads} = $words[0] * $words[1] * $words[2] if $attribute == $kInfoThreads;
        });
        my $shared = $by_name{".nv.shared.$kernel"};
        # From sm_90 on the section begins with the system's own.
        $k->{shared} = $shared->[3] - ($sm >= 90 ? $kSystemShared : 0) if $shared && $shared->[3];
    }
    my ($strings, $symbols) = map { $content->($by_name{$_}) } qw(.strtab .symtab);
    for_attributes($content->($by_name{'.nv.info'}), sub {
        my ($attribute, $symbol, $value) = @_;
        my $field = $attribute == $kInfoRegisters ? 'registers' : $attribute == $kInfoFrame ? 'local' : return;
        my $k = $kernels{string_at($strings, unpack 'V', substr($symbols, $symbol * 24, 4))} or return;
        $k->{$field} = $value;
    });
    return \%kernels;
}

# {target}{kernel} of all objects of BUILD, and nvcc's version.
sub read_build {
    my (%found, $nvcc);
    for (objects_of($build)) {
        my ($family, $object) = @$_;
        my $bytes = slurp($object);
        for (images_of($bytes)) {
            my ($sm, $image) = @$_;
            my $kernels = kernels_of_image($sm, $image);
            my @mangled = sort keys %$kernels or next;
            my @names   = short_names($family, @mangled);
            for my $i (0 .. $#names) {
                my $k = $kernels->{$mangled[$i]};
                $k->{occupancy} = occupancy($sm, $k);
                die "registers.pl: two kernels are called $names[$i]; give one another name\n" if $found{$sm}{$names[$i]};
                $found{$sm}{$names[$i]} = $k;
            }
        }
        $nvcc //= nvcc_of($bytes);
    }
    %found or die "registers.pl: no machine code in $build: nvcc may have compressed it (--compress-mode=none)\n";
    return (\%found, $nvcc // 'unknown');
}

sub write_table {
    my ($found, $nvcc) = @_;
    my ($lines, $before) = read_table($table, @kColumns);
    $lines = {} if $before ne $nvcc;
    $lines->{$_} = $found->{$_} for keys %$found;
    my %kernels = map { $_ => 1 } map { keys %$_ } values %$lines;
    open my $out, '>', "$table.tmp" or die "registers.pl: cannot write $table.tmp: $!\n";
    print $out "# Of each kernel and target: threads of a block, registers of a thread, static shared memory of a block and local memory of\n",
        "# a thread in bytes, occupancy of an SM in percent. Made by: $fix\n# nvcc $nvcc\n", join("\t", 'kernel', 'target', @kColumns), "\n";
    for my $kernel (sort keys %kernels) {
        for my $sm (sort { $a <=> $b } keys %$lines) {
            my $k = $lines->{$sm}{$kernel} or next;
            print $out join("\t", $kernel, "sm_$sm", map { $k->{$_} } @kColumns), "\n";
        }
    }
    close $out and rename "$table.tmp", $table or die "registers.pl: cannot write $table: $!\n";
    printf "%s: %d kernels for %s\n", $table, scalar keys %kernels, join(', ', map { "sm_$_" } sort { $a <=> $b } keys %$lines);
}

# What is worse in k than in its line, in words.
sub worse {
    my ($k, $line) = @_;
    my @words;
    for my $column (qw(registers shared local)) {
        push @words, "$column $k->{$column}, was $line->{$column}" if $k->{$column} > $line->{$column};
    }
    push @words, "occupancy $k->{occupancy}%, was $line->{occupancy}%"
        if "$k->{occupancy}$line->{occupancy}" !~ /-/ && $k->{occupancy} < $line->{occupancy};
    return join '; ', @words;
}

sub check {
    my ($found, $nvcc) = @_;
    my ($lines, $made_by) = read_table($table, @kColumns);
    my ($faults, $better) = (0, 0);
    my $fault = sub { print "@_\n"; $faults++ };
    for my $sm (sort { $a <=> $b } keys %$found) {
        for my $kernel (sort keys %{$found->{$sm}}) {
            my $k = $found->{$sm}{$kernel};
            $fault->("$kernel sm_$sm: $k->{local} bytes of local memory; a recurrence's kernels may not spill")
                if $kernel =~ $kNeverLocal && $k->{local};
            next if $made_by ne $nvcc;
            my $line = $lines->{$sm}{$kernel};
            if (!$line) {
                $fault->("$kernel sm_$sm: has no line");
            } elsif (my $words = worse($k, $line)) {
                $fault->("$kernel sm_$sm: $words");
            } elsif (grep { $k->{$_} ne $line->{$_} } @kColumns) {
                $better++;
            }
        }
        next if $made_by ne $nvcc;
        $fault->("$_ sm_$sm: has a line but is not compiled") for grep { !$found->{$sm}{$_} } sort keys %{$lines->{$sm} // {}};
    }
    if ($made_by eq '') {
        print "$table is not there yet, only spills of recurrences are looked for; make it: $fix\n";
    } elsif ($made_by ne $nvcc) {
        print "$table was made by nvcc $made_by and is not compared with nvcc $nvcc\n";
    }
    print "$better lines are better than $table says\n" if $better;
    print "registers.pl: $faults faults against $table; if they are meant to be, renew it: $fix\n" if $faults;
    return $faults == 0;
}

my ($found, $nvcc) = read_build();
if ($mode eq 'write') {
    write_table($found, $nvcc);
} else {
    check($found, $nvcc) or exit 1;
    printf "registers.pl: %d kernels for %s compared\n", scalar keys %{(values %$found)[0]}, join(', ', map { "sm_$_" } sort keys %$found);
}
