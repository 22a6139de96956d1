# What scripts of this folder read of a build's machine code: the ELF images in the objects of its kernels, uncompressed.
package Cubin;
use strict;
use warnings;
use Exporter 'import';
use File::Find;

our @EXPORT_OK = qw(objects_of slurp string_at images_of sections_of short_names nvcc_of read_table);

my $kElfMachine = 190;

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$0: cannot read $path: $!\n";
    local $/;
    return scalar <$in>;
}

sub string_at {
    my ($bytes, $offset) = @_;
    return substr($bytes, $offset, index($bytes, "\0", $offset) - $offset);
}

# [family, object file] of each kernel source that the build folder compiled.
sub objects_of {
    my ($build) = @_;
    my @objects;
    my $folder = "$build/kernels/CMakeFiles/sluice_kernels.dir";
    -d $folder or die "$0: $build holds no compiled kernels; configure it with SLUICE_CUDA=ON and build sluice_kernels\n";
    find({no_chdir => 1, wanted => sub { push @objects, $_ if /\.cu\.o$/ }}, $folder);
    return map { [m{sluice_kernels\.dir/([^/]+)/}, $_] } sort @objects;
}

# {name => [name's offset, type, offset, bytes]} of the sections of an ELF image.
sub sections_of {
    my ($image) = @_;
    my ($sections_at, $size, $count, $names) = unpack 'x40 Q< x10 v v v', $image;
    my @sections = map { [unpack 'V V x8 x8 Q< Q<', substr($image, $sections_at + $_ * $size, 64)] } 0 .. $count - 1;
    return map { string_at($image, $sections[$names][2] + $_->[0]) => $_ } @sections;
}

# [number of the target, ELF image] of each image in an object's bytes; an image may be followed by what is not its own.
sub images_of {
    my ($bytes) = @_;
    my @images;
    for (my $at = 1; ($at = index $bytes, "\x7fELF", $at) > 0; $at++) {
        my $image = substr $bytes, $at;
        next if unpack('v', substr $image, 18, 2) != $kElfMachine;
        push @images, [unpack('V', substr $image, 48, 4) >> 8 & 0xff, $image];
    }
    return @images;
}

# nvcc's version, as an object's bytes tell it; undef where they do not.
sub nvcc_of {
    my ($bytes) = @_;
    return $bytes =~ /Cuda compilation tools, release [\d.]+, V([\d.]+)/ ? $1 : undef;
}

# {number of the target}{kernel}{column} of a committed table, and the nvcc that it was made with: '' where there is no table.
sub read_table {
    my ($table, @columns) = @_;
    my (%lines, $nvcc);
    return (\%lines, '') unless -e $table;
    for (split /\n/, slurp($table)) {
        $nvcc = $1 if /^# nvcc (\S+)/;
        next if /^#|^kernel\t|^\s*$/;
        my ($kernel, $target, @values) = split /\t/;
        @{$lines{$target =~ s/^sm_//r}{$kernel}}{@columns} = @values;
    }
    return (\%lines, $nvcc // '');
}

# Demangled and without what every name has: family/kernel<arguments>.
sub short_names {
    my ($family, @mangled) = @_;
    open my $filter, '-|', 'c++filt', @mangled or die "$0: cannot run c++filt (package binutils): $!\n";
    chomp(my @names = <$filter>);
    for (@names) {
        s/^void //;
        s/(?:sluice::)?(?:cuda::)?\(anonymous namespace\):://g;
        s/sluice::(?:cuda::)?//g;
        1 while s/\([^()]*\)$//;
        s/\(bool\)1/true/g, s/\(bool\)0/false/g, s/\((?:int|unsigned int)\)//g;
        $_ = "$family/$_";
    }
    return @names;
}

1;
