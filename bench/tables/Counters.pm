# The counters of a virtual GPU, which SLUICE_VGPU names the folder of: what a program's kernels asked memory for.
package Counters;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(use_virtual_gpu counters_of);

# Programs run from here on find it in place of the CUDA runtime.
sub use_virtual_gpu {
    my $vgpu = $ENV{SLUICE_VGPU} or die "$0: needs the counters of a virtual GPU: set SLUICE_VGPU to its folder\n";
    $ENV{LD_LIBRARY_PATH} = join ':', "$vgpu/lib", grep { defined && length } $ENV{LD_LIBRARY_PATH};
}

# {mangled name, which may be cut off}{launches, instructions of warps, bytes read, written} of the kernels that a command ran.
sub counters_of {
    my (@command) = @_;
    my $child = open(my $pipe, '-|') // die "$0: cannot run $command[0]: $!\n";
    if (!$child) {
        $ENV{VGPU_STATS} = 1;
        open STDERR, '>&', \*STDOUT or die "$0: $!\n";
        exec {$command[0]} @command or die "$0: cannot run $command[0]: $!\n";
    }
    my @lines = <$pipe>;
    close $pipe or die @lines, "$0: @command failed\n";
    my %counters;
    for (@lines) {
        my ($launches, $warp, undef, $read, $written, undef, undef, $mangled) = split ' ';
        next unless ($mangled // '') =~ /^_Z/;
        my $k = $counters{$mangled} //= {};
        $k->{launches}     += $launches;
        $k->{instructions} += $warp;
        $k->{read}         += $read;
        $k->{written}      += $written;
    }
    return \%counters;
}

1;
