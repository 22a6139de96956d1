#!/usr/bin/perl
# Makes the embedded corpus: this system's own package descriptions in English, labelled with their archive section.
#
#     host/package_corpus.pl OUT
#
# writes OUT/train.tsv, OUT/valid.tsv and OUT/test.tsv with the columns label, package, source and text: the short and the
# long description on one line. Needs perl-base and apt only, no root. Equal package indexes give equal bytes.
#
# Note [Split by source package]
# One source makes twins (libfoo1, libfoo-dev, libfoo-doc) that share most of their text. Were a pair of twins to straddle
# training and test data, a model would pass by memory. So the seeded hash of the source's name picks the file: 75 % of the
# sources go to training, 5 % to validation and 20 % to the test. A few sources make hundreds of near-equal packages (cross
# compilers), and where they fall moves any model's accuracy by a point or two: over thirteen splits a TF-IDF bigram SVM has
# 0.787 to 0.830, 0.808 in the mean. The seed below is one with that mean (0.807), neither an easy split nor a hard one.
use strict;
use warnings;
no warnings 'portable';    # 64-bit constants

my $kSeed           = '4';
my $kLeastDocuments = 200;    # smaller sections are left out: their test share would be a handful of documents
my $kAptHelper      = '/usr/lib/apt/apt-helper';

sub fail {
    my ($message) = @_;
    print STDERR "package_corpus: $message\n";
    exit 1;
}

# Returns 0..99, the same on every machine: FNV-1a over 64 bits, finished as MurmurHash3 does.
sub percentile {
    my ($name) = @_;
    my $hash = 0xcbf29ce484222325;
    {
        use integer;
        for my $byte (unpack 'C*', "$kSeed:$name") {
            $hash = ($hash ^ $byte) * 0x100000001b3;
        }
    }
    $hash ^= $hash >> 33;
    { use integer; $hash *= 0xff51afd7ed558ccd; }
    $hash ^= $hash >> 33;
    return ($hash >> 11) % 100;
}

sub file_of {
    my ($source) = @_;
    my $p = percentile($source);
    return $p < 75 ? 'train' : $p < 80 ? 'valid' : 'test';
}

# The words of /etc/os-release: ID (debian) and VERSION_CODENAME (bookworm) tell the base archive from everything else.
sub os_release {
    open my $in, '<', '/etc/os-release' or fail("cannot read /etc/os-release: $!; Debian and Ubuntu have it");
    my %words;
    while (<$in>) {
        $words{$1} = $2 if /^(\w+)="?([^"\n]*)"?$/;
    }
    return \%words;
}

# Writes an apt configuration that keeps lists and caches under `dir` and wants English descriptions, whatever the system's
# own says (containers turn them off, and their clean-up hooks need root). Returns its path.
sub write_apt_config {
    my ($dir) = @_;
    for my $sub ('', '/lists', '/lists/partial', '/cache', '/cache/archives', '/cache/archives/partial') {
        -d "$dir$sub" or mkdir "$dir$sub" or fail("cannot make $dir$sub: $!; choose a folder that you may write to");
    }
    my $path = "$dir/apt.conf";
    open my $out, '>', $path or fail("cannot write $path: $!");
    print $out <<"END";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::Languages;
Acquire::Languages { "en"; };
Dir::State::lists "$dir/lists";
Dir::Cache "$dir/cache";
END
    print $out qq(APT::Sandbox::User "root";\n) if $> == 0;    # the folder may lie where apt's own user cannot go
    close $out or fail("cannot write $path: $!");
    return $path;
}

# Returns the downloaded index files of the base archive: {Packages => [paths], Translations => [paths]}.
sub index_files {
    my ($config) = @_;
    my $os = os_release();
    open my $in, '-|', 'apt-get', '-c', $config, 'indextargets', '--format',
        '$(CREATED_BY)|$(ORIGIN)|$(CODENAME)|$(SUITE)|$(FILENAME)'
        or fail("cannot run apt-get: $!; this corpus is made on Debian and Ubuntu only");
    my %files = (Packages => [], Translations => []);
    while (<$in>) {
        chomp;
        my ($kind, $origin, $codename, $suite, $file) = split /\|/, $_, 5;
        next unless lc $origin eq $os->{ID} && $codename eq $os->{VERSION_CODENAME};
        next if $suite =~ /-/;    # noble-updates, noble-security: their codename is noble too
        push @{$files{$kind}}, $file if exists $files{$kind} && -s $file;
    }
    close $in;
    @$_ = sort @$_ for values %files;
    return \%files;
}

# Brings the lists up to date, its words into `log`. Its exit status tells nothing (it is 0 with the network down and not 0
# when somebody else's archive fails): what counts is which index files are there afterwards.
sub update_index {
    my ($config, $log) = @_;
    system 'sh', '-c', 'apt-get -c "$1" update >"$2" 2>&1', 'sh', $config, $log;
}

# Calls `visit` with each stanza of an index file: {field => value}, continuation lines joined by newlines.
sub each_stanza {
    my ($file, $visit) = @_;
    open my $in, '-|', $kAptHelper, 'cat-file', $file or fail("cannot run $kAptHelper: $!; install the package apt");
    local $/ = '';
    while (my $stanza = <$in>) {
        my %fields = $stanza =~ /^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)/mg;
        $visit->(\%fields);
    }
    close $in or fail("cannot read $file: damaged or cut short; delete it and run this again");
}

# One line of plain text from a Description field: control.5's " ." separates paragraphs; tabs and newlines become spaces.
sub plain_text {
    my ($text) = @_;
    $text =~ s/\n[ \t]+\.[ \t]*(?=\n|\z)/\n/g;
    $text =~ s/\s+/ /ga;
    $text =~ s/^ | $//g;
    return $text;
}

# Returns {Description-md5 => whole description, on one line}.
sub read_descriptions {
    my ($files) = @_;
    my %description;
    for my $file (@$files) {
        each_stanza($file, sub {
            my ($f) = @_;
            $description{$f->{'Description-md5'}} //= plain_text($f->{'Description-en'})
                if defined $f->{'Description-md5'} && defined $f->{'Description-en'};
        });
    }
    return \%description;
}

# Returns {package => [label, source, text]}; the first index that names a package wins.
sub read_documents {
    my ($files, $description) = @_;
    my %document;
    for my $file (@$files) {
        each_stanza($file, sub {
            my ($f) = @_;
            my ($package, $section) = @$f{'Package', 'Section'};
            return if !defined $package || !defined $section || exists $document{$package};
            my $text = $description->{$f->{'Description-md5'} // ''} // plain_text($f->{Description} // '');
            return if $text eq '';
            my ($source) = ($f->{Source} // $package) =~ /^(\S+)/;
            $section =~ s{.*/}{};    # contrib/net, universe/net -> net
            $document{$package} = [$section, $source, $text];
        });
    }
    return \%document;
}

sub drop_small_sections {
    my ($document) = @_;
    my %count;
    $count{$_->[0]}++ for values %$document;
    delete @$document{grep { $count{$document->{$_}[0]} < $kLeastDocuments } keys %$document};
    delete @count{grep { $count{$_} < $kLeastDocuments } keys %count};
    return \%count;
}

sub write_files {
    my ($out, $document) = @_;
    my (%handle, %written);
    for my $name ('train', 'valid', 'test') {
        open $handle{$name}, '>', "$out/$name.tsv.new" or fail("cannot write $out/$name.tsv.new: $!");
        print {$handle{$name}} "label\tpackage\tsource\ttext\n";
    }
    for my $package (sort keys %$document) {
        my ($label, $source, $text) = @{$document->{$package}};
        my $name = file_of($source);
        print {$handle{$name}} "$label\t$package\t$source\t$text\n";
        $written{$name}++;
    }
    for my $name (sort keys %handle) {
        close $handle{$name} or fail("cannot write $out/$name.tsv.new: $!");
        rename "$out/$name.tsv.new", "$out/$name.tsv" or fail("cannot rename $out/$name.tsv.new: $!");
    }
    return \%written;
}

sub main {
    @ARGV == 1 && $ARGV[0] !~ /^-/ or do { print STDERR "usage: host/package_corpus.pl OUT\n"; exit 2 };
    my ($out) = @ARGV;
    -d $out or mkdir $out or fail("cannot make $out: $!; its parent folder must exist");
    $out = abs_path($out);

    my $config = write_apt_config("$out/apt");
    my $log    = "$out/apt/update.log";
    update_index($config, $log);
    my $files = index_files($config);
    @{$files->{Packages}}
        or fail("apt-get update brought no package index: check the network and apt's sources (its words are in $log)");
    @{$files->{Translations}}
        or fail("the package index came without English descriptions (Translation-en): use a complete archive in apt's sources ($log)");

    my $document = read_documents($files->{Packages}, read_descriptions($files->{Translations}));
    my $count    = drop_small_sections($document);
    keys %$count >= 2
        or fail("fewer than two sections have $kLeastDocuments packages: use a complete archive in apt's sources ($log)");
    my $written = write_files($out, $document);

    my $words = 0;
    $words += () = $_->[2] =~ /\S+/ga for values %$document;
    printf "%d documents, %d classes, %.1f million words: %d train, %d valid, %d test\n", scalar keys %$document,
        scalar keys %$count, $words / 1e6, map { $written->{$_} // 0 } 'train', 'valid', 'test';
}

sub abs_path {
    my ($path) = @_;
    return $path if $path =~ m{^/};
    chomp(my $here = `pwd`);
    return "$here/$path";
}

main();
