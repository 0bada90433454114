#!/usr/bin/perl
# What an application does with Perl's Redis.pm: usage perl_client.pl PORT REDIS_PORT PREFIX.
#
# Prints one line a step. The sidecar is at PORT (or Redis itself); REDIS_PORT is Redis directly.
# At the step `restart` it waits for a line on standard input, in which time the server is restarted.

use strict;
use warnings;
use Data::Dumper;
use Redis;

$Data::Dumper::Indent = 0;
$Data::Dumper::Terse = 1;
$Data::Dumper::Useqq = 1;
$Data::Dumper::Sortkeys = 1;
$| = 1;

my ($port, $redis_port, $prefix) = @ARGV;
my $r = Redis->new(server => "127.0.0.1:$port", reconnect => 30, every => 50_000);
my $direct = Redis->new(server => "127.0.0.1:$redis_port");

sub k { $prefix . $_[0] }

sub show {
  my ($step, @values) = @_;
  print join(' ', $step, map { Dumper($_) } @values), "\n";
}

sub error_of {
  my ($call) = @_;
  my @value = eval { $call->() };
  my $text = $@;
  return @value unless $text;
  $text =~ s/ at \S+ line.*//s;
  return $text;
}

sub strings {
  my $binary = join('', map { chr } 0 .. 255) . "\r\n\$5\r\n\0\xff";
  show('ping', $r->ping, $r->echo('hi'));
  show('missing', $r->get(k('none')), $r->exists(k('none')), $r->del(k('none')));
  show('set', $r->set(k('a'), 1), $r->get(k('a')), $r->set(k('a'), 2, 'NX'), $r->get(k('a')));
  $r->setex(k('e'), 50, 'y');
  show('ex', $r->ttl(k('e')) >= 48, $r->ttl(k('none')));
  show('many', $r->mset(k('m1'), 1, k('m2'), 2), [ $r->mget(k('m1'), k('none2'), k('m2')) ]);
  show('numbers', $r->incr(k('n')), $r->incrby(k('n'), 41), $r->decr(k('n')));
  show('binary', $r->set(k('b'), $binary), $r->get(k('b')) eq $binary, $r->set(k('empty'), ''),
    $r->get(k('empty')));
  my $large = '0123456789abcdef' x 327_680;
  show('large', $r->set(k('large'), $large), $r->get(k('large')) eq $large);
}

sub structures {
  show('hash', $r->hmset(k('h'), x => 1, y => 2), { $r->hgetall(k('h')) }, $r->hget(k('h'), 'z'));
  show('list', $r->rpush(k('l'), qw(a b c)), [ $r->lrange(k('l'), 0, -1) ], $r->lpop(k('l')));
  show('set type', $r->sadd(k('s'), 'a', 'b'), [ sort $r->smembers(k('s')) ]);
  show('zset', $r->zadd(k('z'), 1, 'a', 2.5, 'b'), [ $r->zrange(k('z'), 0, -1, 'WITHSCORES') ]);
  show('errors', error_of(sub { $r->incr(k('h')) }), error_of(sub { $r->nonsense('a') }),
    error_of(sub { $r->get }));
}

sub transactions {
  my @heard;
  for my $i (1 .. 500) {
    $r->set(k("p$i"), $i, sub { });
    $r->get(k("p$i"), sub { push @heard, $_[0] });
  }
  $r->wait_all_responses;
  show('pipeline', scalar(@heard), "@heard" eq join(' ', 1 .. 500));
  show('multi', $r->multi, $r->set(k('t'), 1), $r->incr(k('t')), $r->get(k('t')), [ $r->exec ]);
  show('discard', $r->multi, $r->set(k('t'), 9), $r->discard, $r->get(k('t')));
  $r->watch(k('t'));
  Redis->new(server => "127.0.0.1:$port")->set(k('t'), 'changed');
  show('watch conflict', $r->multi, $r->set(k('t'), 'mine'), [ $r->exec ], $r->get(k('t')));
  show('script', $r->eval("return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1])}", 1, k('c'), 5));
  my ($cursor, $found) = (0, 0);
  do {
    ($cursor, my $keys) = $r->scan($cursor, 'MATCH', k('p1*'), 'COUNT', 100);
    $found += @$keys;
  } while $cursor;
  show('scan', $found);
}

sub connections {
  my $other = Redis->new(server => "127.0.0.1:$port", name => 'second');
  show('select', $other->select(1), $other->get(k('m1')), $other->set(k('m1'), 'db1'), $r->get(k('m1')),
    $other->get(k('m1')), $other->client_getname, $other->del(k('m1')));
  for ([ 'subscribe', Redis->new(server => "127.0.0.1:$port"), $direct ],
    [ 'publish', Redis->new(server => "127.0.0.1:$redis_port"), $r ]) {
    my ($step, $hearing, $speaking) = @$_;
    my @heard;
    $hearing->subscribe(k('ch'), sub { push @heard, [@_] });
    my $reached = $speaking->publish(k('ch'), 'news');
    $hearing->wait_for_messages(1) until @heard;
    show($step, $reached, \@heard);
    $hearing->unsubscribe(k('ch'), sub { });
  }
  show('blpop', $r->rpush(k('q'), 'x'), [ $r->blpop(k('q'), 1) ], [ $r->blpop(k('q'), 1) ]);
}

strings();
structures();
transactions();
connections();
print "restart\n";
<STDIN>;
show('restarted', $r->set(k('again'), 1), $r->get(k('again')));
$r->quit;
