using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace EdgeProxy.Admin;

/// <summary>The bearer token of the admin port, kept in a file that is made at the first start.</summary>
/// <remarks>Read once. A token that is not there, and cannot be made, refuses every call that needs one; the rest goes on.</remarks>
internal sealed partial class AdminToken
{
    private const int RandomBytes = 32;

    /// <summary>A file with less was not made by us, or is torn.</summary>
    private const int MinimumLength = 20;

    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    private readonly byte[]? _hash;

    private AdminToken(string file, string? token, string? problem)
    {
        File = file;
        Problem = problem;
        _hash = token is null ? null : SHA256.HashData(Encoding.UTF8.GetBytes(token));
    }

    public string File { get; }

    /// <summary>Why there is no token; null: there is one.</summary>
    public string? Problem { get; }

    /// <summary>Reads the file, or makes it. Never throws for a file that cannot be used: <see cref="Problem"/> says why.</summary>
    public static AdminToken Load(string file, ILogger<AdminToken> logger)
    {
        var token = TryLoad(file, logger);
        if (token.Problem is not null)
        {
            Log.NoToken(logger, token.Problem);
        }

        return token;
    }

    /// <summary>Compares in a time that does not depend on how much of the token is right.</summary>
    public bool Matches(ReadOnlySpan<char> candidate)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(candidate.ToArray()), hash);
        return _hash is not null && CryptographicOperations.FixedTimeEquals(hash, _hash);
    }

    private static AdminToken TryLoad(string file, ILogger<AdminToken> logger)
    {
        try
        {
            if (!System.IO.File.Exists(file))
            {
                Create(file);
                Log.Made(logger, file);
            }

            var token = System.IO.File.ReadAllText(file).Trim();
            if (token.Length < MinimumLength)
            {
                return new AdminToken(
                    file, null, $"{file} holds no token of at least {MinimumLength} characters. Remove it and restart EdgeProxy: it makes a new one.");
            }

            if (System.IO.File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherRead))
            {
                Log.ReadableByAll(logger, file);
            }

            return new AdminToken(file, token, problem: null);
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException)
        {
            return new AdminToken(
                file, null, $"The token file {file} can neither be read nor made: {unusable.Message} Let EdgeProxy's user write there and restart it.");
        }
    }

    /// <summary>A reader finds no file or a whole one; where another process was first, its token stays.</summary>
    private static void Create(string file)
    {
        var directory = Path.GetDirectoryName(Path.GetFullPath(file))!;
        Directory.CreateDirectory(directory);
        var temporary = Path.Combine(directory, $".{Path.GetFileName(file)}.{Environment.ProcessId}");
        try
        {
            using (var stream = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = Mode }))
            {
                System.IO.File.SetUnixFileMode(stream.SafeFileHandle, Mode); // whatever the umask is
                stream.Write(Encoding.ASCII.GetBytes(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes)) + "\n"));
                stream.Flush(flushToDisk: true);
            }

            System.IO.File.Move(temporary, file, overwrite: false);
        }
        catch (IOException) when (System.IO.File.Exists(file))
        {
            // Another process was first.
        }
        finally
        {
            System.IO.File.Delete(temporary);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(800, LogLevel.Information, "Made {File}: the token for calls over Admin:Url that change something")]
        public static partial void Made(ILogger logger, string file);

        [LoggerMessage(
            801, LogLevel.Error, "{Problem} Until then calls over Admin:Url that need the token are refused; the admin socket and the proxy itself work")]
        public static partial void NoToken(ILogger logger, string problem);

        [LoggerMessage(802, LogLevel.Warning, "Every user of this machine can read {File} and so switch; chmod 640 it")]
        public static partial void ReadableByAll(ILogger logger, string file);
    }
}
