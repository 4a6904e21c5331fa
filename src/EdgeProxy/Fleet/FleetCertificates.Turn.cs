using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Tls;

namespace EdgeProxy.Fleet;

/// <content>The turn of one node to order for a domain.</content>
internal sealed partial class FleetCertificates
{
    /// <summary>A lease that is kept while the order is under way. Its keys go with it: the lock, and the proofs.</summary>
    private sealed class Turn : IOrderTurn
    {
        /// <summary>An authority's validation takes five minutes at most. One that is held for longer is not respected.</summary>
        private static readonly TimeSpan LongestTurn = TimeSpan.FromMinutes(15);

        private readonly FleetCertificates _owner;
        private readonly string _domain;
        private readonly long _lease;
        private readonly CancellationTokenSource _ended = new();
        private readonly Task _keeping;

        public Turn(FleetCertificates owner, string domain, long lease)
        {
            (_owner, _domain, _lease) = (owner, domain, lease);
            _keeping = KeepAsync();
        }

        public string? Failure { get; private set; }

        private string FailureFile => "failures/" + _domain;

        private EtcdClient Etcd => _owner._node.Etcd;

        public async Task WaitAsync(CancellationToken cancellationToken)
        {
            var file = "orderers/" + _domain;
            var key = _owner._prefix + file;
            long seen = 0;
            for (var began = _owner._time.GetTimestamp(); ; await Task.Delay(Look, _owner._time, cancellationToken))
            {
                var holder = await Etcd.FindAsync(key, cancellationToken);
                if ((holder?.Revision ?? 0) != seen)
                {
                    (seen, began) = (holder?.Revision ?? 0, _owner._time.GetTimestamp()); // a new holder has its own time
                }

                var isHeld = holder is not null && _owner.Unseal(holder) is not null && _owner._time.GetElapsedTime(began) < LongestTurn;
                if (!isHeld && await Etcd.CommitAsync(
                    [Transaction.IsAt(key, holder?.Revision ?? 0)], [_owner.Put(file, _owner._node.Name, _lease)], cancellationToken))
                {
                    break;
                }
            }

            _owner._turns[_domain] = _lease;
            // What failed here is known here, and when to try again.
            Failure = await _owner.FindAsync(FailureFile, cancellationToken) is { } told && !told.StartsWith(Told(""), StringComparison.Ordinal) ? told : null;
        }

        public async Task FailAsync(string reason, TimeSpan retryAfter)
        {
            try
            {
                var lease = await Etcd.GrantAsync(retryAfter, CancellationToken.None); // nobody keeps it
                await Etcd.CommitAsync([], [_owner.Put(FailureFile, Told(reason), lease)], CancellationToken.None);
            }
            catch (Exception e)
            {
                Threw(e); // then another node tries, too
            }
        }

        public async ValueTask DisposeAsync()
        {
            _owner._turns.TryRemove(KeyValuePair.Create(_domain, _lease));
            await _ended.CancelAsync();
            await _keeping;
            _ended.Dispose();
            try
            {
                await Etcd.RevokeAsync(_lease, CancellationToken.None);
            }
            catch (Exception e)
            {
                Threw(e); // it ends by itself
            }
        }

        /// <summary>Words a failure for other nodes: it begins with the node that it happened to.</summary>
        private string Told(string reason) => $"{_owner._node.Name}: {reason}";

        private async Task KeepAsync()
        {
            while (!_ended.IsCancellationRequested)
            {
                await Task.Delay(_owner._node.Options.LostAfter / 4, _owner._time, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                try
                {
                    if (!_ended.IsCancellationRequested && !await Etcd.KeepAliveAsync(_lease, _ended.Token))
                    {
                        return; // what is put with it is refused from now on, and the attempt fails
                    }
                }
                catch (Exception e)
                {
                    Threw(e); // the next time
                }
            }
        }

        /// <summary>No failure of the lease ends the loop that orders.</summary>
        private void Threw(Exception failure)
        {
            if (failure is not (EtcdException or OperationCanceledException))
            {
                Log.Threw(_owner._logger, failure);
            }
        }
    }
}
