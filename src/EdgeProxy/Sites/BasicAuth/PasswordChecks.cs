using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace EdgeProxy.Sites.BasicAuth;

internal enum PasswordCheck
{
    Right,
    Wrong,

    /// <summary>The client has tried too many wrong ones. Not checked.</summary>
    TooMany,

    /// <summary>Too many wait to be checked. Not checked.</summary>
    Busy,
}

/// <summary>Checks passwords against bcrypt hashes, which takes up to a second of CPU each, so that neither clients nor attackers make it take more.</summary>
/// <remarks>
/// What was checked is remembered under a keyed hash of user, hash and password, whose key is made at the start and kept in memory alone: a browser sends its
/// password with each request. Requests with the same password at the same time wait for one check. Half of the cores check at a time, on threads of
/// their own, and only so many wait; a client has so many wrong tries (<see cref="FailureLimit"/>). What is remembered is bounded, right and wrong ones
/// apart, so that clients that guess push no others out.
/// </remarks>
internal sealed class PasswordChecks(TimeProvider time) : IDisposable
{
    /// <summary>Checks that wait or run.</summary>
    public const int MaxPending = 32;

    private const int MaxRemembered = 1024;

    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly FailureLimit _failures = new(time);
    private readonly RecentKeys _right = new(MaxRemembered);
    private readonly RecentKeys _wrong = new(MaxRemembered);
    private readonly Dictionary<UInt128, Task<bool>> _running = []; // guarded by itself
    private readonly SemaphoreSlim _cores = new(Math.Max(1, Environment.ProcessorCount / 2));
    private long _checked;

    /// <summary>How many hashes were computed since the start.</summary>
    public long Checked => Volatile.Read(ref _checked);

    /// <summary>What is known already.</summary>
    /// <returns>Null: nothing.</returns>
    public PasswordCheck? Find(string user, string hash, string password) => Find(KeyOf(user, hash, password));

    private PasswordCheck? Find(UInt128 key) =>
        _right.Contains(key) ? PasswordCheck.Right : _wrong.Contains(key) ? PasswordCheck.Wrong : null;

    /// <summary>Checks it, if the client may try.</summary>
    public async Task<PasswordCheck> CheckAsync(string user, string hash, string password, IPAddress? client, CancellationToken clientLeft)
    {
        var key = KeyOf(user, hash, password);
        Task<bool>? check;
        var isOwn = false;
        lock (_running)
        {
            if (!_running.TryGetValue(key, out check))
            {
                if (Find(key) is { } known)
                {
                    return known; // it has just ended
                }

                if (!_failures.TryTake(client))
                {
                    return PasswordCheck.TooMany;
                }

                if (_running.Count >= MaxPending)
                {
                    _failures.GiveBack(client);
                    return PasswordCheck.Busy;
                }

                isOwn = true;
                check = RunAsync(key, hash, password);
                _running.Add(key, check);
            }
        }

        if (!await check.WaitAsync(clientLeft))
        {
            return PasswordCheck.Wrong;
        }

        if (isOwn)
        {
            _failures.GiveBack(client);
        }

        return PasswordCheck.Right;
    }

    public void Dispose() => _cores.Dispose();

    /// <summary>Goes on when its client leaves: what it finds is remembered.</summary>
    private async Task<bool> RunAsync(UInt128 key, string hash, string password)
    {
        await Task.Yield(); // the caller holds the lock
        await _cores.WaitAsync();
        try
        {
            // Not a thread of the pool, which forwards requests.
            var isRight = await Task.Factory.StartNew(
                () => BcryptHash.Verify(hash, password), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            Interlocked.Increment(ref _checked);
            (isRight ? _right : _wrong).Add(key);
            return isRight;
        }
        finally
        {
            _cores.Release();
            lock (_running)
            {
                _running.Remove(key);
            }
        }
    }

    /// <remarks>With the name: names that do not exist share a hash, and what is known of one of them must not respond for the others.</remarks>
    private UInt128 KeyOf(string user, string hash, string password)
    {
        Span<byte> digest = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{user}\n{hash}\n{password}"), digest);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(digest);
    }

    /// <summary>The keys that were added last: two sets that take turns. Any thread.</summary>
    /// <param name="capacity">Of both together.</param>
    private sealed class RecentKeys(int capacity)
    {
        private readonly Lock _lock = new();
        private HashSet<UInt128> _new = []; // both guarded by _lock
        private HashSet<UInt128> _old = [];

        public bool Contains(UInt128 key)
        {
            lock (_lock)
            {
                if (_new.Contains(key))
                {
                    return true;
                }

                if (!_old.Contains(key))
                {
                    return false;
                }

                AddToNew(key); // what is in use stays
                return true;
            }
        }

        public void Add(UInt128 key)
        {
            lock (_lock)
            {
                AddToNew(key);
            }
        }

        private void AddToNew(UInt128 key)
        {
            if (_new.Count >= capacity / 2)
            {
                (_new, _old) = ([], _new);
            }

            _new.Add(key);
        }
    }
}
