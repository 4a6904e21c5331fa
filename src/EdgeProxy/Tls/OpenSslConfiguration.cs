using System.Runtime.InteropServices;
using System.Text;

namespace EdgeProxy.Tls;

/// <summary>Reads and loads OpenSSL configurations (config(5)) with the libcrypto that the runtime uses.</summary>
/// <remarks>Bound by name at run time: which libcrypto it is, is known only then.</remarks>
internal sealed unsafe class OpenSslConfiguration : IDisposable
{
    private readonly nint _library;

    private OpenSslConfiguration(nint library) => _library = library;

    /// <param name="version">As the runtime tells it.</param>
    /// <exception cref="DllNotFoundException">There is none.</exception>
    public static OpenSslConfiguration Open(long version)
    {
        var name = version < 0x30000000 ? "libcrypto.so.1.1" : $"libcrypto.so.{version >> 28}";
        return new OpenSslConfiguration(NativeLibrary.Load(name)); // already loaded: the same one
    }

    /// <summary>The file that OpenSSL reads at its start, by OPENSSL_CONF or as it was built; null: none.</summary>
    public string? DefaultFile
    {
        get
        {
            var path = ((delegate* unmanaged<byte*>)Find("CONF_get1_default_config_file"))();
            var text = Marshal.PtrToStringUTF8((nint)path);
            ((delegate* unmanaged<byte*, byte*, int, void>)Find("CRYPTO_free"))(path, null, 0);
            return string.IsNullOrEmpty(text) ? null : text;
        }
    }

    /// <summary>Where a configuration keeps what it says of TLS. A text that OpenSSL cannot read, and so has not followed, says nothing.</summary>
    public OpenSslSections FindTls(string text)
    {
        var parsed = Parse(text);
        if (parsed == 0)
        {
            return new OpenSslSections(null, null, []);
        }

        try
        {
            var ssl = Get(parsed, Get(parsed, null, "openssl_conf"), "ssl_conf");
            var system = Get(parsed, ssl, "system_default");
            return new OpenSslSections(ssl, system, system is null ? [] : NamesIn(parsed, system));
        }
        finally
        {
            End(parsed);
        }
    }

    /// <summary>Loads the modules that a configuration names under an entry of its default section.</summary>
    public bool TryLoad(string text, string entry)
    {
        var parsed = Parse(text);
        if (parsed == 0)
        {
            return false;
        }

        try
        {
            fixed (byte* name = Terminated(entry))
            {
                return ((delegate* unmanaged<nint, byte*, uint, int>)Find("CONF_modules_load"))(parsed, name, 0) > 0;
            }
        }
        finally
        {
            End(parsed);
        }
    }

    public void Dispose() => NativeLibrary.Free(_library);

    /// <returns>A CONF, or 0.</returns>
    private nint Parse(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        fixed (byte* start = bytes)
        {
            var source = ((delegate* unmanaged<byte*, int, nint>)Find("BIO_new_mem_buf"))(start, bytes.Length);
            var parsed = ((delegate* unmanaged<nint, nint>)Find("NCONF_new"))(0);
            nint line = 0; // long
            var isRead = ((delegate* unmanaged<nint, nint, nint*, int>)Find("NCONF_load_bio"))(parsed, source, &line) > 0;
            _ = ((delegate* unmanaged<nint, int>)Find("BIO_free"))(source);
            if (isRead)
            {
                return parsed;
            }

            End(parsed);
            return 0;
        }
    }

    /// <summary>Errors of what was looked for in vain stay in OpenSSL's queue of this thread otherwise, for the next caller.</summary>
    private void End(nint parsed)
    {
        ((delegate* unmanaged<nint, void>)Find("NCONF_free"))(parsed);
        ((delegate* unmanaged<void>)Find("ERR_clear_error"))();
    }

    private string? Get(nint parsed, string? section, string name)
    {
        if (section is null && name != "openssl_conf")
        {
            return null;
        }

        fixed (byte* sectionStart = section is null ? null : Terminated(section), nameStart = Terminated(name))
        {
            return Marshal.PtrToStringUTF8(((delegate* unmanaged<nint, byte*, byte*, nint>)Find("NCONF_get_string"))(parsed, sectionStart, nameStart));
        }
    }

    private string[] NamesIn(nint parsed, string section)
    {
        nint all;
        fixed (byte* start = Terminated(section))
        {
            all = ((delegate* unmanaged<nint, byte*, nint>)Find("NCONF_get_section"))(parsed, start);
        }

        var count = all == 0 ? 0 : ((delegate* unmanaged<nint, int>)Find("OPENSSL_sk_num"))(all);
        var names = new string[count];
        for (var i = 0; i < count; i++)
        {
            var value = ((delegate* unmanaged<nint, int, nint*>)Find("OPENSSL_sk_value"))(all, i); // CONF_VALUE: section, name, value
            names[i] = Marshal.PtrToStringUTF8(value[1]) ?? "";
        }

        return names;
    }

    private nint Find(string function) => NativeLibrary.GetExport(_library, function);

    private static byte[] Terminated(string text) => [.. Encoding.UTF8.GetBytes(text), 0];
}

/// <param name="Ssl">The section that <c>ssl_conf</c> names; null: none.</param>
/// <param name="SystemDefault">The section of what applies to every SSL_CTX; null: none.</param>
/// <param name="Names">The names in it.</param>
internal sealed record OpenSslSections(string? Ssl, string? SystemDefault, string[] Names);
