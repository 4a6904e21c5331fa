using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Common;
using EdgeProxy.Fleet.Etcd.Wire;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace EdgeProxy.Fleet.Etcd;

/// <summary>Speaks to etcd over gRPC: ranges, transactions, leases and watches.</summary>
/// <remarks>
/// One call goes to one endpoint and takes <see cref="CallTimeout"/> at most. A read goes on to the next endpoint; a transaction does not, as it may have been
/// done: its caller looks. Whoever finds that an endpoint fails leaves it for everybody, once, and the watch leaves with it: otherwise each call would wait for
/// a silent member by itself. Nothing is connected before the first call.
/// </remarks>
internal sealed class EtcdClient : IDisposable
{
    /// <summary>How long a call may take at one endpoint.</summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromMilliseconds(700);

    /// <summary>A member that has vanished is noticed after twice this time, also by a watch that has nothing to say.</summary>
    private static readonly TimeSpan Ping = TimeSpan.FromSeconds(2);

    /// <summary>A member without a leader ends a watch with this field, instead of being silent.</summary>
    private const string NeedsLeader = "hasleader";

    private readonly EtcdOptions _options;
    private readonly TimeProvider _time;
    private readonly SocketsHttpHandler _handler;
    private readonly GrpcChannel[] _channels;
    private int _at;
    private string? _token;
    private CancellationTokenSource _left = new(); // fires when _at changes; holds no timer and no wait handle

    public EtcdClient(EtcdOptions options, TimeProvider time)
    {
        (_options, _time) = (options, time);
        _handler = new SocketsHttpHandler
        {
            ConnectTimeout = ConnectTimeout,
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = Ping,
            KeepAlivePingTimeout = Ping,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            UseProxy = false,
            AllowAutoRedirect = false,
            SslOptions = Ssl(options),
        };
        _channels = [.. (options.Endpoints ?? []).Select(endpoint => GrpcChannel.ForAddress(
            endpoint, new GrpcChannelOptions { HttpHandler = _handler, DisposeHttpClient = false, MaxReceiveMessageSize = 4 << 20 }))];
        _at = Random.Shared.Next(_channels.Length);
    }

    /// <summary>Calls that have ended, by the name of their status.</summary>
    public event Action<StatusCode>? CallEnded;

    /// <summary>Reads the keys that begin with a prefix. The read is linearizable: a quorum has confirmed that this is what there is.</summary>
    /// <exception cref="EtcdException">It could not be read.</exception>
    public async Task<EtcdRange> ReadAsync(string prefix, CancellationToken cancellationToken)
    {
        var request = new RangeRequest { Key = Utf8(prefix), RangeEnd = Utf8(EtcdKey.EndOf(prefix)) };
        var found = await CallAsync((channel, options) => new KV.KVClient(channel).RangeAsync(request, options), isRepeatable: true, cancellationToken);
        return new(found.Header.Revision, [.. found.Kvs.Select(EtcdKey.Of)]);
    }

    /// <summary>Reads one key, as <see cref="ReadAsync"/> reads many.</summary>
    /// <returns>Null: there is none.</returns>
    /// <exception cref="EtcdException">It could not be read.</exception>
    public async Task<EtcdKey?> FindAsync(string key, CancellationToken cancellationToken)
    {
        var request = new RangeRequest { Key = Utf8(key) };
        var found = await CallAsync((channel, options) => new KV.KVClient(channel).RangeAsync(request, options), isRepeatable: true, cancellationToken);
        return found.Kvs is [var one] ? EtcdKey.Of(one) : null;
    }

    /// <summary>Does all of <paramref name="then"/> where all compares hold, or nothing. It is never repeated.</summary>
    /// <returns>Whether the compares held.</returns>
    /// <exception cref="EtcdException">What became of it is not known.</exception>
    public async Task<bool> CommitAsync(IEnumerable<Compare> when, IEnumerable<RequestOp> then, CancellationToken cancellationToken)
    {
        var request = new TxnRequest { Compare = { when }, Success = { then } };
        return (await CallAsync((channel, options) => new KV.KVClient(channel).TxnAsync(request, options), isRepeatable: false, cancellationToken)).Succeeded;
    }

    /// <summary>Gets a new lease. One that nobody uses ends by itself.</summary>
    /// <exception cref="EtcdException">It could not be had.</exception>
    public async Task<long> GrantAsync(TimeSpan length, CancellationToken cancellationToken)
    {
        var request = new LeaseGrantRequest { TTL = (long)Math.Ceiling(length.TotalSeconds) };
        return (await CallAsync(
            (channel, options) => new Lease.LeaseClient(channel).LeaseGrantAsync(request, options), isRepeatable: true, cancellationToken)).ID;
    }

    /// <summary>Extends a lease, each time by a call of its own: a stream would be tied to one endpoint.</summary>
    /// <returns>False: it has ended.</returns>
    /// <exception cref="EtcdException">It could not be extended.</exception>
    public Task<bool> KeepAliveAsync(long lease, CancellationToken cancellationToken) => TryAsync(isRepeatable: true, async (channel, options) =>
    {
        using var call = new Lease.LeaseClient(channel).LeaseKeepAlive(options);
        await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = lease });
        await call.RequestStream.CompleteAsync();
        return await call.ResponseStream.MoveNext(options.CancellationToken)
            ? call.ResponseStream.Current.TTL > 0
            : throw new RpcException(new Status(StatusCode.Unavailable, "the lease was not extended"));
    }, cancellationToken);

    /// <summary>Ends a lease and deletes its keys. It does nothing where the lease is gone already.</summary>
    /// <exception cref="EtcdException">It could not be ended.</exception>
    public async Task RevokeAsync(long lease, CancellationToken cancellationToken)
    {
        try
        {
            var request = new LeaseRevokeRequest { ID = lease };
            await CallAsync((channel, options) => new Lease.LeaseClient(channel).LeaseRevokeAsync(request, options), isRepeatable: true, cancellationToken);
        }
        catch (EtcdException e) when (e.Status == StatusCode.NotFound)
        {
            // Gone by itself.
        }
    }

    /// <summary>Follows what changes below a prefix from a revision on, in order; the changes of one revision come together.</summary>
    /// <returns>The changes. It never ends by itself: a watch that is lost throws, and its caller begins anew behind what it has seen.</returns>
    /// <exception cref="EtcdException">The watch is lost, or the revision is compacted: all is to be read again.</exception>
    public async IAsyncEnumerable<EtcdChanges> WatchAsync(
        string prefix, long firstRevision, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var at = Volatile.Read(ref _at);
        using var left = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Volatile.Read(ref _left).Token);
        using var beginning = new Deadline(CallTimeout, _time, left.Token);
        var isWanted = false;
        try
        {
            var options = await OptionsAsync(at, beginning.Token);
            options.Headers!.Add(NeedsLeader, "true");
            using var call = new Watch.WatchClient(Channel(at)).Watch(options.WithCancellationToken(left.Token));
            var request = new WatchRequest
            {
                CreateRequest = new() { Key = Utf8(prefix), RangeEnd = Utf8(EtcdKey.EndOf(prefix)), StartRevision = firstRevision },
            };
            await Guard(
                async () =>
                {
                    await call.RequestStream.WriteAsync(request, beginning.Token);
                    return true;
                },
                beginning.Token);
            for (var token = beginning.Token; await NextAsync(call, token) is { } response; token = left.Token)
            {
                if (response.Events.Count > 0)
                {
                    isWanted = true; // who has seen enough ends here, and the endpoint is good
                    yield return new(response.Header.Revision, [.. response.Events.Select(change => new EtcdChange(
                        change.Type == Event.Types.EventType.Delete, EtcdKey.Of(change.Kv)))]);
                    isWanted = false;
                }
            }
        }
        finally
        {
            if (!isWanted && !cancellationToken.IsCancellationRequested)
            {
                Leave(at);
            }
        }
    }

    public void Dispose()
    {
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }

        _handler.Dispose();
    }

    private static async Task<WatchResponse?> NextAsync(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call, CancellationToken token)
    {
        if (!await Guard(() => call.ResponseStream.MoveNext(token), token))
        {
            throw new EtcdException("the watch has ended", StatusCode.Unavailable);
        }

        var response = call.ResponseStream.Current;
        return response switch
        {
            { CompactRevision: > 0 } => throw new EtcdException($"revision {response.CompactRevision} is compacted", StatusCode.OutOfRange),
            { Canceled: true } => throw new EtcdException($"the watch was refused: {response.CancelReason}", StatusCode.PermissionDenied),
            _ => response,
        };
    }

    private static async Task<T> Guard<T>(Func<Task<T>> call, CancellationToken token)
    {
        try
        {
            return await call();
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException)
        {
            throw Explain(e, token);
        }
    }

    private static EtcdException Explain(Exception failure, CancellationToken token) => failure is RpcException { StatusCode: not StatusCode.Cancelled } call
        ? new(WordsOf(call), call.StatusCode, call)
        : new(token.IsCancellationRequested ? "etcd has not responded in time" : failure.Message, StatusCode.DeadlineExceeded, failure);

    /// <summary>Words what etcd has said, or, where it said nothing, what the connection did, without the words of the library around it.</summary>
    private static string WordsOf(RpcException call) =>
        call.Status.DebugException?.GetBaseException().Message is { Length: > 0 } cause ? cause
            : call.Status.Detail is { Length: > 0 } detail ? detail
            : call.StatusCode.ToString();

    private Task<T> CallAsync<T>(Func<GrpcChannel, CallOptions, AsyncUnaryCall<T>> call, bool isRepeatable, CancellationToken cancellationToken) =>
        TryAsync(
            isRepeatable,
            async (channel, options) =>
            {
                using var one = call(channel, options);
                return await one;
            },
            cancellationToken);

    /// <summary>Tries at the endpoint that is used now, and where that is harmless at each other one.</summary>
    private async Task<T> TryAsync<T>(bool isRepeatable, Func<GrpcChannel, CallOptions, Task<T>> call, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            var at = Volatile.Read(ref _at);
            using var timeout = new Deadline(CallTimeout, _time, cancellationToken);
            EtcdException problem;
            try
            {
                var result = await call(Channel(at), await OptionsAsync(at, timeout.Token));
                CallEnded?.Invoke(StatusCode.OK);
                return result;
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException or EtcdException && !cancellationToken.IsCancellationRequested)
            {
                problem = e as EtcdException ?? Explain(e, timeout.Token);
            }

            CallEnded?.Invoke(problem.Status);
            if (problem.Status == StatusCode.Unauthenticated)
            {
                _token = null; // it has ended; nothing was done, but whoever has no password is refused each time
            }
            else if (problem.IsOfEndpoint)
            {
                Leave(at);
            }
            else
            {
                throw problem;
            }

            if (!isRepeatable || tries >= Math.Max(_channels.Length, 2))
            {
                throw problem;
            }
        }
    }

    private async Task<CallOptions> OptionsAsync(int at, CancellationToken cancellationToken)
    {
        var headers = new Metadata();
        if (_options.User is { } user)
        {
            _token ??= (await Guard(
                () => new Auth.AuthClient(Channel(at)).AuthenticateAsync(
                    new AuthenticateRequest { Name = user, Password = Password() },
                    cancellationToken: cancellationToken).ResponseAsync,
                cancellationToken)).Token;
            headers.Add("token", _token);
        }

        return new CallOptions(headers, cancellationToken: cancellationToken);
    }

    private string Password()
    {
        try
        {
            return File.ReadAllText(_options.PasswordFile!).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EtcdException($"Fleet:Etcd:PasswordFile cannot be read: {e.Message}", StatusCode.FailedPrecondition, e);
        }
    }

    private GrpcChannel Channel(int at) => _channels[at % _channels.Length];

    /// <summary>Has everything go to the next endpoint; once, however many calls have failed at this one.</summary>
    private void Leave(int at)
    {
        if (Interlocked.CompareExchange(ref _at, at + 1, at) == at)
        {
            _ = Interlocked.Exchange(ref _left, new()).CancelAsync();
        }
    }

    /// <summary>Reads the files for each connection, so that renewed ones are used without a restart.</summary>
    private static SslClientAuthenticationOptions Ssl(EtcdOptions options)
    {
        var ssl = new SslClientAuthenticationOptions();
        if (options is { Certificate: { } certificate, Key: { } key })
        {
            ssl.LocalCertificateSelectionCallback = (_, _, _, _, _) => X509Certificate2.CreateFromPemFile(certificate, key);
        }

        if (options.TrustedRoots is { } roots)
        {
            ssl.RemoteCertificateValidationCallback = (_, presented, chain, errors) => presented is X509Certificate2 leaf
                && (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == SslPolicyErrors.None
                && IsTrusted(leaf, chain, roots);
        }

        return ssl;
    }

    private static bool IsTrusted(X509Certificate2 leaf, X509Chain? sent, string roots)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1")); // for servers
        try
        {
            chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(roots);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            return false;
        }

        foreach (var certificate in sent?.ChainElements.Select(element => element.Certificate) ?? [])
        {
            chain.ChainPolicy.ExtraStore.Add(certificate);
        }

        return chain.Build(leaf);
    }

    private static ByteString Utf8(string text) => ByteString.CopyFromUtf8(text);
}
