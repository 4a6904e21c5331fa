using System.Security.Cryptography;
using System.Text;

namespace EdgeProxy.Fleet;

/// <summary>The secret of a fleet: values in etcd are believed by their signature, so that who can write there cannot switch.</summary>
/// <remarks>A signature is for one key of etcd: a value cannot be moved to another one.</remarks>
internal sealed class FleetKey(byte[] key, byte[]? previous = null)
{
    /// <summary>The length of the secret, in bytes.</summary>
    public const int Length = 32;

    private const char Separator = '.';
    private const int NonceLength = 12;
    private const int TagLength = 16;

    /// <summary>Makes a new secret, as it stands in its file.</summary>
    public static string Create() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(Length));

    /// <summary>Reads the file of a secret.</summary>
    /// <returns>What is wrong, for people; null: nothing is.</returns>
    public static string? Read(string file, out byte[] key)
    {
        key = [];
        try
        {
            key = Convert.FromBase64String(File.ReadAllText(file).Trim());
            return key.Length == Length ? null : $"has {key.Length} bytes instead of {Length}; `edgeproxy fleet key` makes one";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"cannot be read: {e.Message}; `edgeproxy fleet key` makes one";
        }
        catch (FormatException)
        {
            return "is not base64; `edgeproxy fleet key` makes one";
        }
    }

    /// <param name="options">Checked.</param>
    /// <exception cref="InvalidOperationException">A file has changed since the check.</exception>
    public static FleetKey Load(FleetOptions options)
    {
        var problem = Read(options.KeyFile!, out var key);
        byte[]? previous = null;
        if (options.PreviousKeyFile is { } file && Read(file, out var old) is null)
        {
            previous = old;
        }

        return problem is null ? new(key, previous) : throw new InvalidOperationException($"{options.KeyFile} {problem}");
    }

    /// <summary>Signs a value for a key of etcd.</summary>
    public string Sign(string name, string content) => $"{Mac(key, name, content)}{Separator}{content}";

    /// <summary>Reads a value that was signed for this key of etcd.</summary>
    /// <returns>Null: it was not.</returns>
    public string? Open(string name, string value)
    {
        if (value.IndexOf(Separator, StringComparison.Ordinal) is not (> 0 and var at))
        {
            return null;
        }

        var (mac, content) = (value[..at], value[(at + 1)..]);
        return IsOf(key) || (previous is not null && IsOf(previous)) ? content : null;

        bool IsOf(byte[] one) => CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Mac(one, name, content)), Encoding.ASCII.GetBytes(mac));
    }

    /// <summary>Seals a value for a key of etcd, so that nobody else can read it: AES-256-GCM, with a secret of its own for each key.</summary>
    public string Seal(string name, string content)
    {
        var (nonce, tag, plain) = (RandomNumberGenerator.GetBytes(NonceLength), new byte[TagLength], Encoding.UTF8.GetBytes(content));
        var secret = new byte[plain.Length];
        using var aes = new AesGcm(SecretOf(key, name), TagLength);
        aes.Encrypt(nonce, plain, secret, tag, Encoding.UTF8.GetBytes(name));
        return Convert.ToBase64String([.. nonce, .. tag, .. secret]);
    }

    /// <summary>Opens a value that was sealed for this key of etcd.</summary>
    /// <returns>Null: it was not.</returns>
    public string? Unseal(string name, string value)
    {
        var all = new byte[value.Length];
        return Convert.TryFromBase64String(value, all, out var length) && length >= NonceLength + TagLength
            ? Unseal(key, name, all.AsSpan(0, length)) ?? (previous is null ? null : Unseal(previous, name, all.AsSpan(0, length)))
            : null;
    }

    private static string? Unseal(byte[] key, string name, ReadOnlySpan<byte> all)
    {
        var tag = all.Slice(NonceLength, TagLength);
        var secret = all[(NonceLength + TagLength)..];
        var plain = new byte[secret.Length];
        using var aes = new AesGcm(SecretOf(key, name), TagLength);
        try
        {
            aes.Decrypt(all[..NonceLength], secret, tag, plain, Encoding.UTF8.GetBytes(name));
            return Encoding.UTF8.GetString(plain);
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    private static byte[] SecretOf(byte[] key, string name) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key, Length, info: Encoding.UTF8.GetBytes($"edgeproxy seal {name}"));

    /// <remarks>Names of keys have no zero byte, so that no other name and content make the same text.</remarks>
    private static string Mac(byte[] key, string name, string content) =>
        Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{name}\0{content}")));
}
