#!/usr/bin/perl
# Checks what the layout promises, over every source file:  tests/scripts/structure.pl ROOT
#
# - includes point only rightwards, host -> engine -> kernels, and are written from the root;
# - a costly or a vendor's header is included by the files named for it and by no other, never by a header;
# - the top level holds what the layout names; every folder has a README.md of at most 40 lines.
#
# Prints one line for each breach; exit 1 if there is any.
use strict;
use warnings;

my %kMayNotInclude = (
    kernels => [qw(engine host tests bench)],
    engine  => [qw(host tests bench)],
    host    => [qw(tests bench)],
);

# [what it is, headers, files that may include it]. To use such a header in one more file, name that file here.
my @kNamedHeaders = (
    ['CLI11',    qr{^CLI/},               qr{^(?:host/program/command_line|bench/main)\.cpp$}],
    ['toml++',   qr{^toml(?:\+\+/|\.h)},  qr{^host/program/option_toml\.cpp$}],
    ['nlohmann', qr{^nlohmann/},          qr{^(?:host/program/report|engine/train/safetensors_header|bench/report|tests/readers/jsonl_test)\.cpp$}],
    ['simdjson', qr{^simdjson},           qr{^host/readers/jsonl_format\.cpp$}],
    ['ICU',      qr{^unicode/},           qr{^host/text/unicode\.cpp$}],
    ['oneDNN',   qr{^(?:oneapi/)?dnnl},   qr{^engine/backends/cpu/(?:pool|gemm_onednn|rnn_onednn)\.cpp$}],
    ['CUDA',     qr{^(?:cuda|curand|cooperative_groups|cub/|nvtx|nccl|mma\.h)}, qr{\.cuh?$|^engine/backends/cuda/(?:cublas|cuda_backend|device|graphs|memory|queue|transfers)\.cpp$|^bench/gpu_stopwatch\.cpp$|^kernels/core/nvtx\.cpp$|^tests/program/(?:cuda_faults|nvtx_probe)\.cpp$}],
    ['cuBLAS',   qr{^cublas},             qr{^engine/backends/cuda/cublas(?:_lt)?\.cpp$}],
    ['cuDNN',    qr{^cudnn},              qr{^engine/backends/cudnn/library\.cpp$}],
);

my %kTopLevel = map { $_ => 1 } qw(kernels engine host tests bench CMakeLists.txt CMakePresets.json Dockerfile README.md LICENSE
    .clang-format .clang-tidy .editorconfig .gitignore .ci .git);
my $kIgnored       = qr{^(?:build.*|\.venv.*|runs|__pycache__|\.cache)$};    # as .gitignore
my $kMaxReadmeLines = 40;

my $root = $ARGV[0] // die "usage: structure.pl ROOT\n";
chdir $root or die "structure.pl: cannot enter $root: $!\n";
my $breaches = 0;

sub breach {
    print "@_\n";
    $breaches++;
}

sub lines_of {
    my ($path) = @_;
    open my $in, '<', $path or die "structure.pl: cannot read $path: $!\n";
    return <$in>;
}

sub check_top_level {
    opendir my $dir, '.' or die "structure.pl: cannot list $root: $!\n";
    for my $name (sort readdir $dir) {
        next if $name eq '.' || $name eq '..' || $name =~ $kIgnored || $kTopLevel{$name};
        breach("$name: not part of the top level's layout");
    }
}

sub check_include {
    my ($path, $line, $quote, $header) = @_;
    my ($folder) = $path =~ m{^([^/]+)/};
    if ($quote eq '"' && !-e $header) {
        breach("$path:$line: \"$header\" is not a path from the root");
    }
    for my $forbidden (@{$kMayNotInclude{$folder} // []}) {
        breach("$path:$line: $folder/ may not include $header") if $header =~ m{^\Q$forbidden\E/};
    }
    for my $rule (@kNamedHeaders) {
        my ($name, $headers, $files) = @$rule;
        next unless $header =~ $headers;
        if ($path =~ /\.h$/) {
            breach("$path:$line: a header may not include $name ($header)");
        } elsif ($path !~ $files) {
            breach("$path:$line: only the files named in tests/scripts/structure.pl may include $name ($header)");
        }
    }
}

sub check_source {
    my ($path) = @_;
    my $line = 0;
    for (lines_of($path)) {
        $line++;
        check_include($path, $line, $1, $2) if /^\s*#\s*include\s*([<"])([^>"]+)[>"]/;
    }
}

sub check_readme {
    my ($folder) = @_;
    return breach("$folder: has no README.md") unless -f "$folder/README.md";
    my $lines = () = lines_of("$folder/README.md");
    breach("$folder/README.md: $lines lines, at most $kMaxReadmeLines") if $lines > $kMaxReadmeLines;
}

sub check_folder {
    my ($folder) = @_;
    check_readme($folder);
    opendir my $dir, $folder or die "structure.pl: cannot list $folder: $!\n";
    for my $name (sort readdir $dir) {
        my $path = "$folder/$name";
        # Seeds of a fuzz target are inputs: a README among them would be one.
        next if $name =~ /^\.\.?$/ || $name eq '__pycache__' || $name eq 'seeds';
        check_folder($path) if -d $path;
        check_source($path) if $name =~ /\.(?:h|cpp|cu|cuh)$/;
    }
}

check_top_level();
check_folder($_) for grep { -d } qw(kernels engine host tests bench);
exit($breaches ? 1 : 0);
