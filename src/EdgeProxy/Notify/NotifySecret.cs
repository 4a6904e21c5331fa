using System.Text;

namespace EdgeProxy.Notify;

/// <summary>The secret of a receiver, in a file: one line of text, or <c>whsec_</c> and base64 as Standard Webhooks write it.</summary>
internal static class NotifySecret
{
    private const string Base64Prefix = "whsec_";

    /// <summary>RFC 2104 wants a key of at least the length of the hash; a typed password is much shorter, so this is against an empty file only.</summary>
    private const int Shortest = 8;

    /// <param name="file">Its path.</param>
    /// <param name="key">The key of the signature.</param>
    /// <returns>What is wrong, for people; null: nothing.</returns>
    public static string? Read(string file, out byte[] key)
    {
        key = [];
        try
        {
            var text = File.ReadAllText(file).Trim();
            key = text.StartsWith(Base64Prefix, StringComparison.Ordinal)
                ? Convert.FromBase64String(text[Base64Prefix.Length..])
                : Encoding.UTF8.GetBytes(text);
            return key.Length >= Shortest ? null : $"has a secret of less than {Shortest} characters";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"cannot be read: {e.Message}";
        }
        catch (FormatException)
        {
            return $"has a secret that begins with {Base64Prefix} and is not base64 after it";
        }
    }
}
